#!/usr/bin/env bash
# Debian's Slurm with two nodes, n1 and n2, that are both this machine; for root.
#   tests/cluster/slurm.sh install      installs it, or says in a line why it cannot run here
#   tests/cluster/slurm.sh up FOLDER    installs and starts it, with all its files in FOLDER
#   tests/cluster/slurm.sh down FOLDER  ends what was started
set -euo pipefail
D=$(realpath -m "${2:-/nowhere}")
G=/sys/fs/cgroup
pid() { cat "$D/run/$1.pid" 2>/dev/null; }
runs() { # and does not only wait for somebody to hear that it has ended
  grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}
alive() {
  [ -s "$D/run/$1.pid" ] && runs "$(pid "$1")" &&
    grep -qaE 'slurm|munge' "/proc/$(pid "$1")/cmdline" # and no stranger with an old number
}
wait_for() {
  for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done
  echo "in vain for a minute: $*" >&2
  exit 1
}
both() { # nodes are ready
  [ "$(sinfo -hN -t idle,mixed,allocated,completing -o %N | sort -u | wc -l)" = 2 ]
}

grouped() { # the kernel of this machine limits memory for us, by its first kind of groups
  [ -w "$G/memory/memory.limit_in_bytes" ] && [ -d "$G/freezer" ] &&
    mkdir "$G/memory/mosaic-$$" 2>/dev/null && rmdir "$G/memory/mosaic-$$"
}
groups() { find "$G/memory" "$G/freezer" -depth -type d -path '*/slurm_n[12]*' 2>/dev/null; }

start() { # a node, with a name and processes of its own, that all end with the one we note
  # shellcheck disable=SC2016
  setsid unshare --pid --fork --kill-child --mount-proc --uts \
    sh -c 'hostname "$0" && exec slurmd -D -N "$0"' "$1" >/dev/null 2>&1 &
  echo $! >"$D/run/$1.pid"
}

never() {
  echo "no cluster here: $*" >&2
  exit 2
}
add() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    slurmctld slurmd slurm-client munge >/dev/null 2>&1
}
have_slurm() {
  [ "$(id -u)" = 0 ] || never "it wants root"
  unshare --pid --fork --mount-proc --uts true 2>/dev/null || never "nodes cannot be kept apart"
  if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    command -v apt-get >/dev/null || never "it wants Debian's packages"
    add || { apt-get update -qq && add; } || never "Debian's packages of Slurm cannot be had"
  fi
  clear_left
  [ ! -e /etc/slurm/slurm.conf ] || never "/etc/slurm/slurm.conf is that of another"
}
clear_left() { # the cluster of a test that was killed, and what still works in its folder
  left=$(dirname "$(readlink -f /etc/slurm/slurm.conf)")
  case $left in /tmp/mosaic-cluster-*/slurm) ;; *) return ;; esac
  if [ ! -s "$left/owner" ] || runs "$(cat "$left/owner")"; then return; fi
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd") in "${left%/*}"/*) kill -9 "${process#/proc/}" || true ;; esac
  done
  "$0" down "$left"
  rm -rf "${left%/*}"
}

case $1 in
install) have_slurm ;;
up)
  have_slurm
  mkdir -p "$D"/{ctld,log,run,spool} && chmod 755 "$D" "$D"/*
  echo "$PPID" >"$D/owner"
  # one key, by which the daemons know each other
  head -c 1024 /dev/urandom >"$D/munge.key" && chmod 400 "$D/munge.key"
  install -d -o root -m 755 /run/munge
  munged --force --key-file="$D/munge.key" --pid-file="$D/run/munged.pid" \
    --log-file="$D/log/munged.log" --seed-file="$D/munge.seed" \
    --socket=/run/munge/munge.socket.2
  wait_for sh -c 'munge -n | unmunge'
  cat >"$D/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd-%n.pid
StateSaveLocation=$D/ctld
SlurmdSpoolDir=$D/spool/%n
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd-%n.log
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
ReturnToService=2
MinJobAge=3600
KillWait=5
SlurmdTimeout=15
JobRequeue=1
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17001 CPUs=4 RealMemory=8000
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17002 CPUs=4 RealMemory=8000
PartitionName=main Nodes=n[1-2] Default=YES LLN=YES MaxTime=INFINITE State=UP
CONF
  # a job that takes more memory than it asked for is ended: by the kernel, or else by Slurm,
  # which looks once a second
  if grouped; then
    printf '%s\n' ProctrackType=proctrack/cgroup TaskPlugin=task/cgroup >>"$D/slurm.conf"
    printf '%s\n' CgroupPlugin=cgroup/v1 "CgroupMountpoint=$G" ConstrainRAMSpace=yes >"$D/cgroup.conf"
    echo "the kernel limits the memory of jobs"
  else
    printf '%s\n' ProctrackType=proctrack/linuxproc TaskPlugin=task/none \
      JobAcctGatherType=jobacct_gather/linux JobAcctGatherFrequency=1 \
      JobAcctGatherParams=OverMemoryKill >>"$D/slurm.conf"
    : >"$D/cgroup.conf"
    echo "Slurm limits the memory of jobs"
  fi
  mkdir -p /etc/slurm
  for file in slurm.conf cgroup.conf; do ln -sfn "$D/$file" "/etc/slurm/$file"; done
  slurmctld
  wait_for scontrol ping
  start n1
  start n2
  wait_for both
  ;;
down)
  for name in slurmctld n1 n2 munged; do
    case $name in n?) signal=KILL ;; *) signal=TERM ;; esac
    if alive "$name"; then
      kill -s $signal "$(pid "$name")" || true
      for _ in $(seq 100); do alive "$name" || break; sleep 0.1; done
    fi
  done
  for group in $(groups); do wait_for rmdir "$group"; done
  for file in slurm.conf cgroup.conf; do
    if [ "$(readlink "/etc/slurm/$file")" = "$D/$file" ]; then rm "/etc/slurm/$file"; fi
  done
  ;;
esac
