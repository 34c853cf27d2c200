# Made from course/ready.md by make tangle; edit that.
"""Is this machine ready for the course? `make ready` says so; explained in ready.md."""

import importlib.util
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that was looked at: "ok", "note" or "mend", the fact, and what to do."""

    mark: str
    fact: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.mark:4}  {self.fact}" + (f": {self.cure}" if self.cure else "")


NEEDED = (3, 11)  # as pyproject.toml says
PACKAGES = ["numpy", "scipy", "PIL", "h5py", "msgspec", "ot", "matplotlib"]
PACKAGES += ["snakemake", "jupyterlab", "jupytext", "ipykernel"]


def judge_python(version: "tuple[int, ...]") -> Finding:
    """Whether a version of Python, (3, 12, 1), is new enough."""
    shown = "Python " + ".".join(map(str, version))
    if version[:2] >= NEEDED:
        return Finding("ok", shown)
    cure = "install 3.11 or newer; if you have one, say make ready PYTHON=python3.12"
    return Finding("mend", shown + " is too old for the course", cure)


def judge_packages(missing: "list[str]") -> Finding:
    """Whether packages of the course are missing, by the names that are imported."""
    if not missing:
        return Finding("ok", "all packages are installed")
    cure = "say make .venv/book .venv/workflow, and wait some minutes"
    return Finding("mend", "not installed: " + ", ".join(missing), cure)


def judge_libraries(missing: "list[str]") -> Finding:
    """Whether the libraries that exercise 6 compares are missing."""
    if not missing:
        return Finding("ok", "Dask and joblib are installed, for exercise 6")
    cure = "say .venv/bin/pip install 'dask[bag]' joblib"
    return Finding("note", "exercise 6 wants " + " and ".join(missing), cure)


def judge_photos(missing: "list[str]") -> Finding:
    """Whether the collections for measuring are painted; `missing` are their folders."""
    if not missing:
        return Finding("ok", "the photos for measuring are painted")
    how = {"data/class": "--class", "data/sample": "data/sample --count 1600"}
    cure = " and ".join(".venv/bin/python data/cats.py " + how[folder] for folder in missing)
    return Finding("note", "there are no photos in " + " and ".join(missing), "say " + cure)


def judge_cores(cores: int, granted: float) -> Finding:
    """Whether there are two cores to compare one with; `granted` is what a container allows."""
    if min(cores, granted) < 2:
        cure = "give the virtual machine two, or measure together with a neighbour"
        return Finding("mend", f"{min(cores, granted):g} core for this process", cure)
    if granted < cores:
        cure = f"say workers = {int(granted)} wherever a number of workers is asked for"
        return Finding("note", f"{cores} cores are shown, and {granted:g} are granted", cure)
    return Finding("ok", f"{cores} cores for this process")


def judge_load(load: float, cores: int) -> Finding:
    """Whether other programs leave the cores alone, by the load of the last minute."""
    if load > cores / 2:
        cure = "close what is running before you measure"
        return Finding("note", f"the machine is busy, its load is {load:.1f}", cure)
    return Finding("ok", f"the machine is at rest, its load is {load:.1f}")


def judge_start(method: str) -> Finding:
    """How a pool starts its workers: fork, spawn or forkserver."""
    if method == "fork":
        return Finding("ok", "workers start by fork")
    cure = "a worker cannot know a function of a cell; put it into a module, as the book does"
    return Finding("note", "workers start by " + method, cure)


def judge_memory(free: float) -> Finding:
    """Whether the free memory, in GB, lets the notebook run; -1 where nobody tells."""
    if free < 0:
        return Finding("note", "how much memory is free is not told here")
    if free < 1:
        return Finding("mend", f"{free:.1f} GB of memory are free", "close some programs")
    return Finding("ok", f"{free:.1f} GB of memory are free")


def judge_disk(free: float, installed: bool) -> Finding:
    """Whether the disk, with so many GB free, has room for the data and for the packages."""
    needed = 0.5 if installed else 2.0
    if free < needed:
        cure = f"{needed:g} GB are needed; empty the bin, or clone onto another disk"
        return Finding("mend", f"{free:.1f} GB are free on this disk", cure)
    return Finding("ok", f"{free:.1f} GB are free on this disk")


CLOUDS = ("OneDrive", "Dropbox", "CloudStorage", "Mobile Documents", "Google Drive", "Nextcloud")
DISTANT = ("nfs", "cifs", "smb", "9p", "drvfs", "fuse.sshfs", "vboxsf", "afs")


def judge_folder(folder: str, system: str) -> Finding:
    """Whether a folder, on a file system of this kind, is on a disk of this machine."""
    cure = "work in a clone on the machine's own disk"
    for cloud in CLOUDS:
        if any(part.startswith(cloud) for part in Path(folder).parts):
            return Finding("note", f"{cloud} copies this folder while you work", cure)
    if system.startswith(DISTANT):
        return Finding("note", f"this folder is on {system}, away from this machine", cure)
    return Finding("ok", "this folder is on a disk of this machine")


def judge_pool(said: str) -> Finding:
    """Whether a pool of two processes added up 1 + 2 + 3; `said` is its last line."""
    if said == "6":
        return Finding("ok", "a pool of two processes works")
    cure = "see whether /dev/shm is full or missing, or whether a virus scanner stops Python"
    return Finding("mend", f"a pool of two processes fails ({said})", cure)


def judge_lock(said: str) -> Finding:
    """Whether the second of two writers of one HDF5 file was kept out; `said` is its answer."""
    if said == "locked":
        return Finding("ok", "a file in this folder can be locked")
    if said == "open":
        cure = "unset HDF5_USE_FILE_LOCKING, or clone onto a disk of this machine"
        return Finding("mend", "two writers may open one HDF5 file in this folder", cure)
    return Finding("mend", f"HDF5 cannot write here ({said})", "clone onto another disk")


def judge_door(taken: bool, browser: bool) -> Finding:
    """Whether the port of JupyterLab is taken, and whether there is a browser to open."""
    if taken:
        cure = "JupyterLab takes the next one; open the address that it prints"
        return Finding("note", "port 8888 is taken", cure)
    if not browser:
        return Finding("note", "no browser is found here", "open the address that JupyterLab prints")
    return Finding("ok", "port 8888 is free, and there is a browser")


def read(path: str) -> str:
    """What is in a small file of the system, or "" if it has no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def ask_cores() -> "tuple[int, float]":
    """The cores for this process, and how many of them a container grants."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota, _, period = read("/sys/fs/cgroup/cpu.max").partition(" ")
    granted = float(quota) / float(period) if quota.isdigit() and period.isdigit() else cores
    return cores, min(cores, granted)


def ask_memory() -> float:
    """How many GB of memory are free, or at least there; -1 if the system does not say."""
    found = []
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    most, now = read("/sys/fs/cgroup/memory.max"), read("/sys/fs/cgroup/memory.current")
    if most.isdigit() and now.isdigit():
        found.append(int(most) - int(now))
    if not found and hasattr(os, "sysconf"):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found) / 1e9 if found else -1.0


def ask_system(folder: str, mounts: str) -> str:
    """The kind of file system of a folder, from the text of /proc/mounts; "" if unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        place = line.split()[1].replace("\\040", " ")
        inside = (folder + "/").startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, line.split()[2]
    return kind


def ask_door(port: int = 8888) -> "tuple[bool, bool]":
    """Whether the port is taken, and whether there is a browser."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
            taken = False
        except OSError:
            taken = True
    try:
        return taken, bool(webbrowser.get())
    except webbrowser.Error:
        return taken, False


POOL = """
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(abs, [-1, -2, -3])))
"""

WRITER = """
import sys, h5py
try:
    h5py.File(sys.argv[1], "r+")
    print("open")
except OSError as error:
    print("locked" if "lock" in str(error) else error)
"""
LOCK = """
import subprocess, sys, h5py
with h5py.File(sys.argv[1], "w") as file:
    file.flush()
    subprocess.call([sys.executable, "-c", sys.argv[2], sys.argv[1]])
"""
FLOCK = """
import fcntl, sys
one, two = open(sys.argv[1], "w"), open(sys.argv[1], "w")
fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
try:
    fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("open")
except BlockingIOError:
    print("locked")
"""


def start(*words: str) -> "subprocess.Popen[bytes]":
    """Start a small Python program."""
    return subprocess.Popen(
        [sys.executable, "-c", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def last_line(trial: "subprocess.Popen[bytes]", until: float) -> str:
    """The last line that a trial prints until a time; one that takes longer is killed."""
    try:
        said = trial.communicate(timeout=max(0.1, until - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(trial.pid, signal.SIGKILL)
        trial.kill()
        trial.communicate()
        return "no answer in time"
    lines = said.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no answer")


def look_around(folder: str, missing: "list[str]") -> "list[Finding]":
    """What can be seen of the machine without a trial."""
    cores, granted = ask_cores()
    found = [judge_python(tuple(sys.version_info[:3]))]
    if found[0].mark == "ok":
        wanted = [name for name in ("dask", "joblib") if importlib.util.find_spec(name) is None]
        painted = [name for name in ("data/class", "data/sample") if not Path(folder, name).is_dir()]
        found += [judge_packages(missing), judge_libraries(wanted), judge_photos(painted)]
    found.append(judge_cores(cores, granted))
    if hasattr(os, "getloadavg"):
        found.append(judge_load(os.getloadavg()[0], cores))
    free = shutil.disk_usage(folder).free / 1e9
    return [
        *found,
        judge_start(multiprocessing.get_start_method()),
        judge_memory(ask_memory()),
        judge_disk(free, installed=not missing),
        judge_folder(folder, ask_system(folder, read("/proc/mounts"))),
        judge_door(*ask_door()),
    ]


def look(folder: str, seconds: float = 8.0) -> "list[Finding]":
    """All findings about this machine and a folder; both trials together get so many seconds."""
    until = time.monotonic() + seconds
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    pool = start(POOL)
    try:
        with tempfile.TemporaryDirectory(prefix=".ready-", dir=folder) as scratch:
            file = str(Path(scratch, "lock.h5"))
            lock = start(FLOCK, file) if "h5py" in missing else start(LOCK, file, WRITER)
            found = look_around(folder, missing)
            locked = judge_lock(last_line(lock, until))
    except OSError as error:
        found = look_around(folder, missing)
        locked = judge_lock(str(error))
    return [*found, judge_pool(last_line(pool, until)), locked]


def main(words: "list[str]") -> int:
    """Print the findings; return 2 if there is something to mend, and 0 otherwise."""
    folder = os.path.realpath(words[0] if words else ".")
    if not Path(folder).is_dir():
        print(Finding("mend", "there is no folder " + folder, "name the one of your clone"))
        return 2
    found = look(folder)
    for finding in found:
        print(finding)
    faults = sum(finding.mark == "mend" for finding in found)
    things = "thing" if faults == 1 else "things"
    print(f"{faults} {things} to mend" if faults else "ready")
    return 2 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
