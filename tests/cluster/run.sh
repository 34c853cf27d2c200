#!/usr/bin/env bash
# The workflow on a cluster: the bytes of this machine, in few jobs, whatever happens to them.
# SHORT=1 leaves out what happens to them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "the cluster of this test wants root and apt" >&2
  exit 2
fi
work=$(mktemp -d /tmp/mosaic-cluster-XXXX)
export PATH=$root/.venv/bin:$PATH
finish() {
  "$root/tests/cluster/slurm.sh" down "$work/slurm" || true
  if [ -z "${KEEP:-}" ]; then rm -rf "$work"; fi
}
trap finish EXIT
fail() {
  echo "cluster: $*" >&2
  tail -n 40 "$work"/*.log >&2
  exit 1
}

project() { # a folder with the program and the photos, and nothing made
  mkdir "$work/$1"
  cp -r "$root"/{Snakefile,mosaic.py,smalti,profiles} "$work/$1"
  cp -rp "$work/photos" "$work/$1"
  printf '%s\n' 'image_path = "photos"' 'target_id = 50' 'target_res = [20, 15]' \
    'thumb_res = [20, 20]' 'chunks = 8' >"$work/$1/config.toml"
}
same() { # the mosaics and the store of a project are those of the local run
  for file in mosaic_nearest.jpg mosaic_unique.jpg data/thumbnails.h5; do
    cmp "$work/local/$file" "$work/$1/$file" || fail "$1: $file is not that of a local run"
  done
}
jobs() { scontrol -o show jobs | grep '^JobId=' || true; }
on_cluster() { # the workflow of a project
  cd "$work/$1"
  snakemake --profile profiles/slurm --latency-wait 5 \
    --default-resources slurm_partition=main mem_mb=1000 runtime=30 \
    --slurm-init-seconds-before-status-checks 3 --quiet rules >"$work/$1.log" 2>&1
}

python "$root/data/cats.py" "$work/photos" --count 400 >/dev/null 2>&1
project local
(cd "$work/local" && snakemake --cores 2 --quiet rules) >"$work/local.log" 2>&1 ||
  fail "the local run"
"$root/tests/cluster/slurm.sh" up "$work/slurm"

project calm
(on_cluster calm) || fail "the calm run"
same calm
count=$(jobs | wc -l)
nodes=$(jobs | sed -n 's/.* NodeList=\(n[12]\) .*/\1/p' | sort -u | wc -l)
echo "cluster: $count jobs on $nodes nodes made the bytes of this machine"
[ "$count" -le 6 ] || fail "more than 6 jobs"
[ "$nodes" = 2 ] || fail "not both nodes were used"

if [ -n "${SHORT:-}" ]; then exit; fi

# too little memory for all; then one job is cancelled, and one node is lost
project wild
sed -i 's/planning.memory([^,]*)/planning.memory(150)/' "$work/wild/Snakefile"
last=$(jobs | sed 's/^JobId=\([0-9]*\).*/\1/' | sort -n | tail -n 1)
(on_cluster wild) &
run=$!
running() { squeue -h -t running -o %A "$@" | awk -v last="$last" '$1 > last' | head -n 1; }
until job=$(running) && [ -n "$job" ]; do
  kill -0 $run 2>/dev/null || fail "the wild run"
  sleep 0.2
done
scancel "$job"
echo "cluster: job $job is cancelled"
until [ -n "$(running -w n2)" ]; do
  kill -0 $run 2>/dev/null || break
  sleep 0.2
done
lost=$(running -w n2)
kill -9 "$(cat "$work/slurm/run/slurmd-n2.pid")"
echo "cluster: node n2 is lost, with job ${lost:-none}"
wait $run || fail "the wild run"
same wild
more=$(jobs | sed -n 's/.*MinMemoryNode=\([0-9.]*[MG]\).*/\1/p' | sort -u | paste -sd' ')
echo "cluster: jobs asked for $more, and made the bytes of this machine"
jobs | grep -q 'MinMemoryNode=\(300\|1200\)M' || fail "no job was tried again with more memory"
