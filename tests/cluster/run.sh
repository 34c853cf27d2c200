#!/usr/bin/env bash
# The workflow on a cluster: the bytes of this machine, in few jobs, whatever happens to them.
# SHORT=1 leaves out what happens to them, and half of the parts.
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
say() { echo "cluster, after $SECONDS s: $*"; }
fail() {
  say "$*" >&2
  tail -n 40 "$work"/*.log >&2
  exit 1
}

share=4 # parts in a job, as the profile has it
if [ -n "${SHORT:-}" ]; then share=2; fi

project() { # a folder with the program and the photos, and nothing made
  mkdir "$work/$1"
  cp -r "$root"/{Snakefile,mosaic.py,smalti,profiles} "$work/$1"
  cp -rp "$work/photos" "$work/$1"
  printf '%s\n' 'image_path = "photos"' 'target_id = 50' 'target_res = [20, 15]' \
    'thumb_res = [400, 400]' 'max_uses = 3' "chunks = $((2 * share))" >"$work/$1/config.toml"
}
same() { # the mosaics and the store of a project are those of the local run
  for file in mosaic_nearest.jpg mosaic_unique.jpg data/thumbnails.h5; do
    cmp "$work/local/$file" "$work/$1/$file" || fail "$1: $file is not that of a local run"
  done
}
jobs() { scontrol -o show jobs | grep '^JobId=' || true; }

# Snakemake, asking every second what has become of its jobs; on its own it waits ever longer
often='
import asyncio, sys
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
RemoteExecutor.sleep = lambda executor: asyncio.sleep(1)
sys.exit(main())
'
on_cluster() { # the workflow of a project
  cd "$work/$1"
  python -c "$often" --profile profiles/slurm --latency-wait 5 \
    --default-resources slurm_partition=main mem_mb=1000 runtime=30 \
    --group-components "photos=$share" --slurm-init-seconds-before-status-checks 3 \
    --quiet rules >"$work/$1.log" 2>&1
}

python "$root/data/cats.py" "$work/photos" --count 120 >/dev/null 2>&1
project local
(cd "$work/local" && snakemake --cores 2 --quiet rules --config chunks=1) >"$work/local.log" 2>&1 ||
  fail "the local run"
say "the mosaics are made without a cluster"
say "$("$root/tests/cluster/slurm.sh" up "$work/slurm")"

project calm
(on_cluster calm) || fail "the calm run"
same calm
count=$(jobs | wc -l)
nodes=$(jobs | sed -n 's/.* NodeList=\(n[12]\) .*/\1/p' | sort -u | wc -l)
say "$count jobs on $nodes nodes made the same bytes"
[ "$count" -le 6 ] || fail "more than 6 jobs"
[ "$nodes" = 2 ] || fail "not both nodes were used"

if [ -n "${SHORT:-}" ]; then exit; fi

# a job is cancelled, a node is lost, and the two mosaics ask for less memory than they need
project wild
sed -i 's/"match": ([^)]*), "paste": ([^)]*)/"match": (400, 0), "paste": (400, 0)/' \
  "$work/wild/smalti/workflow.py"
grep -q '"paste": (400, 0)' "$work/wild/smalti/workflow.py" || fail "the plan has changed"
last=$(jobs | sed 's/^JobId=\([0-9]*\).*/\1/' | sort -n | tail -n 1)
late() { jobs | awk -F '[= ]' -v last="$last" '$2 > last'; }
(on_cluster wild) &
run=$!
soon() { # waits until something is so, as long as the run goes on
  until "$@"; do
    kill -0 $run 2>/dev/null || fail "the wild run"
    sleep 0.2
  done
}
running() { squeue -h -t running -w "$1" -o %A | grep .; } # the job on a node
soon running n1 >"$work/cancelled"
scancel "$(cat "$work/cancelled")"
say "job $(cat "$work/cancelled") is cancelled"
soon running n2 >"$work/lost"
soon compgen -G "$work/wild/data/parts/*.h5" >/dev/null
kill -9 "$(cat "$work/slurm/run/n2.pid")"
lost=$(cat "$work/lost")
say "node n2 is lost, with job $lost"
requeued() { scontrol -o show job "$lost" | grep 'Restarts=1' >/dev/null; }
soon requeued
say "Slurm has seen it, and would wait for two minutes before it runs job $lost on n1"
scontrol update "JobId=$lost" StartTime=now
wait $run || fail "the wild run"
same wild
late | grep 'JobState=CANCELLED ' >/dev/null || fail "no job was cancelled"
killed=$(grep -lE 'oom-kill|exceeded memory limit' "$work"/wild/.snakemake/slurm_logs/*/*.log | wc -l)
[ "$killed" -gt 0 ] || fail "no job was ended for its memory"
late | grep 'JobState=COMPLETED .*MinMemoryNode=800M' >/dev/null || fail "none got more memory"
say "$killed jobs were ended for their memory; with twice as much, the bytes are the same"
