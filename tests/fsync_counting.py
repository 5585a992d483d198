"""A small library, loaded before libc, that counts the fsyncs of a process and, if asked, makes each of them slow or fail.

shim = build(folder)                            # None without a C compiler
env = preloaded(shim, log=folder / "fsyncs")    # of a process whose fsyncs are to be counted
count(folder / "fsyncs")
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int seen(const char *name, int fd) {
    const char *log = getenv("FSYNC_LOG"), *wait = getenv("FSYNC_MICROSECONDS"), *fail = getenv("FSYNC_FAILS_WHILE");
    if (wait) {
        struct timespec time = {atol(wait) / 1000000, atol(wait) % 1000000 * 1000};
        nanosleep(&time, 0);
    }
    if (fail && access(fail, F_OK) == 0) { errno = EIO; return -1; }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(fd);
    if (log) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (out >= 0) { if (write(out, ".", 1)) {} close(out); }
    }
    return result;
}
int fsync(int fd) { return seen("fsync", fd); }
int fdatasync(int fd) { return seen("fdatasync", fd); }
"""


def build(folder: Path) -> Path | None:
    """The library, compiled into `folder`; None: there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        return None
    source, library = folder / "fsyncs.c", folder / "fsyncs.so"
    source.write_text(SOURCE)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True, capture_output=True, timeout=60
    )
    return library


def preloaded(library: Path, *, log: Path | None = None, microseconds: int = 0, fails_while: Path | None = None) -> dict[str, str]:
    """The environment: fsyncs leave a byte each in `log`, last longer by so many microseconds, and fail while the file `fails_while` exists."""
    env = {**os.environ, "LD_PRELOAD": str(library)}
    env.update({"FSYNC_LOG": str(log)} if log else {})
    env.update({"FSYNC_MICROSECONDS": str(microseconds)} if microseconds else {})
    env.update({"FSYNC_FAILS_WHILE": str(fails_while)} if fails_while else {})
    return env


def count(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0
