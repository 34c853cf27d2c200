#!/usr/bin/env bash
# The workflow on a cluster: the bytes of this machine, in few jobs, whatever happens to them.
#   SHORT=1 tests/cluster/run.sh         nothing happens to them; with half of the parts
#   HAPPENS=lost tests/cluster/run.sh    of cancelled, lost and starved, only that
set -euo pipefail
set -m # what runs in the background can be ended with all that it has started
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/mosaic-cluster-XXXX)
export PATH=$root/.venv/bin:$PATH
finish() {
  for group in $(jobs -p); do kill -9 -- "-$group" 2>/dev/null || true; done
  "$root/tests/cluster/slurm.sh" down "$work/slurm" || true
  if [ -z "${KEEP:-}" ]; then rm -rf "$work"; fi
}
trap finish EXIT
say() { echo "cluster, after $SECONDS s: $*"; }
fail() {
  say "$*" >&2
  tail -n 40 "$work"/*.log >&2 || true
  exit 1
}

share=4 size=400 wanted="${HAPPENS:-cancelled lost starved}" # parts in a job, as in the profile
if [ -n "${SHORT:-}" ]; then share=2 size=50 wanted=; fi

project() { # a folder with the program and the photos, and nothing made
  mkdir "$work/$1"
  cp -r "$root"/{Snakefile,mosaic.py,smalti,profiles} "$work/$1"
  cp -rp "$work/photos" "$work/$1"
  printf '%s\n' 'image_path = "photos"' 'target_id = 50' 'target_res = [20, 15]' \
    "thumb_res = [$size, $size]" 'max_uses = 3' "chunks = $((2 * share))" >"$work/$1/config.toml"
}
same() { # the mosaics and the store of a project are those of the local run
  for file in mosaic_nearest.jpg mosaic_unique.jpg data/thumbnails.h5; do
    cmp "$work/local/$file" "$work/$1/$file" || fail "$1: $file is not that of a local run"
  done
}
submitted() { scontrol -o show jobs | grep '^JobId=' || true; }

# Snakemake, asking often what has become of its jobs; on its own it waits ever longer
often='
import asyncio, sys
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
RemoteExecutor.sleep = lambda executor: asyncio.sleep(0.5)
sys.exit(main())
'
on_cluster() { # the workflow of a project
  cd "$work/$1"
  exec python -c "$often" --profile profiles/slurm --latency-wait 5 \
    --default-resources slurm_partition=main mem_mb=1000 runtime=30 \
    --group-components "photos=$share" --slurm-init-seconds-before-status-checks 3 \
    --quiet rules >"$work/$1.log" 2>&1
}

python "$root/data/cats.py" "$work/photos" --count 120 >/dev/null 2>&1
project local
(cd "$work/local" && exec snakemake --cores 2 --quiet rules --config chunks=1) >"$work/local.log" 2>&1 &
local=$!
limits=$("$root/tests/cluster/slurm.sh" up "$work/slurm")
say "$limits"

project calm
(on_cluster calm) || fail "the calm run"
wait $local || fail "the local run"
same calm
count=$(submitted | wc -l)
nodes=$(submitted | sed -n 's/.* NodeList=\(n[12]\) .*/\1/p' | sort -u | wc -l)
say "$count jobs on $nodes nodes made the bytes of one machine"
[ "$count" -le 6 ] || fail "more than 6 jobs"
[ "$nodes" = 2 ] || fail "not both nodes were used"

if [ -z "$wanted" ]; then exit; fi

# a job is cancelled, a node is lost, and the two mosaics ask for less memory than they need
happens() { case " $wanted " in *" $1 "*) ;; *) false ;; esac }
project wild
if happens starved; then
  sed -i 's/"match": ([^)]*), "paste": ([^)]*)/"match": (400, 0), "paste": (400, 0)/' \
    "$work/wild/smalti/workflow.py"
  grep -q '"paste": (400, 0)' "$work/wild/smalti/workflow.py" || fail "the plan has changed"
fi
newest() { submitted | sed 's/^JobId=\([0-9]*\).*/\1/' | sort -n | tail -n 1; }
before=$(newest)
late() { submitted | awk -F '[= ]' -v last="${1:-$before}" '$2 > last'; }
(on_cluster wild) &
run=$!
soon() { # waits until something is so, as long as the run goes on
  until "${@:2}"; do
    kill -0 $run 2>/dev/null || fail "$1"
    sleep 0.2
  done
}
running() { squeue -h -t running -w "$1" -o %A | grep .; }     # the job on a node
came_back() { [ "$(late "$before" | wc -l)" -gt "$1" ]; }      # there are more jobs now
requeued() { scontrol -o show job "$1" | grep -q 'Restarts=1'; } # by Slurm itself

soon "no job on n1" running n1 >"$work/cancelled"
soon "no job on n2" running n2 >"$work/lost"
cancelled=$(cat "$work/cancelled") lost=$(cat "$work/lost")
if happens cancelled; then
  count=$(late | wc -l)
  scancel "$cancelled"
  say "job $cancelled is cancelled"
  soon "job $cancelled, which was cancelled, did not come back" came_back "$count"
  say "it is submitted again, as job $(newest)"
fi
if happens lost; then
  count=$(late | wc -l)
  soon "no photos were read" compgen -G "$work/wild/data/parts/*.h5" >/dev/null
  kill -9 "$(cat "$work/slurm/run/n2.pid")"
  say "node n2 is lost, with job $lost"
  back() { requeued "$lost" || came_back "$count"; }
  soon "job $lost, which was lost, did not come back" back
  if requeued "$lost"; then
    say "Slurm has seen it, and would wait for two minutes before it runs job $lost on n1"
    scontrol update "JobId=$lost" StartTime=now
  else
    say "it is submitted again, as job $(newest)"
  fi
fi
wait $run || fail "the wild run"
same wild
if happens cancelled; then
  late | grep 'JobState=CANCELLED ' >/dev/null || fail "no job was cancelled"
fi
if happens starved; then
  killed=$(grep -lE 'oom-kill|exceeded memory limit' "$work"/wild/.snakemake/slurm_logs/*/*.log | wc -l)
  [ "$killed" -gt 0 ] || fail "no job was ended for its memory"
  late | grep 'JobState=COMPLETED .*MinMemoryNode=800M' >/dev/null || fail "none got more memory"
  say "$killed jobs were ended for their memory; with twice as much, they were done"
fi
say "the bytes are the same"
