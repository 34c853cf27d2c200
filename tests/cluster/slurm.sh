#!/usr/bin/env bash
# Debian's Slurm with two nodes, n1 and n2, that are both this machine; for root.
#   tests/cluster/slurm.sh up FOLDER    installs and starts it, with all its files in FOLDER
#   tests/cluster/slurm.sh down FOLDER  ends what was started
set -euo pipefail
D=$2
pid() { cat "$D/run/$1.pid" 2>/dev/null; }
alive() { [ -s "$D/run/$1.pid" ] && kill -0 "$(pid "$1")" 2>/dev/null; }
wait_for() {
  for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done
  echo "in vain for a minute: $*" >&2
  exit 1
}
both() { # nodes are ready
  [ "$(sinfo -hN -t idle,mixed,allocated,completing -o %N | sort -u | wc -l)" = 2 ]
}

case $1 in
up)
  if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
  fi
  if [ -e /etc/slurm/slurm.conf ]; then
    echo "there is a cluster here already: /etc/slurm/slurm.conf" >&2
    exit 2
  fi
  mkdir -p "$D"/{ctld,log,run,spool} && chmod 755 "$D" "$D"/*
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
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# a job that takes more memory than it asked for is ended
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
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
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
CONF
  mkdir -p /etc/slurm && ln -s "$D/slurm.conf" /etc/slurm/slurm.conf
  slurmctld
  wait_for scontrol ping
  slurmd -N n1
  slurmd -N n2
  wait_for both
  ;;
down)
  if alive slurmctld; then
    timeout 20 scancel --quiet --user=root || true
    sleep 2
  fi
  for name in slurmd-n1 slurmd-n2 slurmctld munged; do
    if alive "$name"; then
      kill "$(pid "$name")" || true
      for _ in $(seq 100); do alive "$name" || break; sleep 0.1; done
    fi
  done
  if [ "$(readlink /etc/slurm/slurm.conf)" = "$D/slurm.conf" ]; then rm /etc/slurm/slurm.conf; fi
  ;;
esac
