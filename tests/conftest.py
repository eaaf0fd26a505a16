"""One thread per test process: two threads on a busy machine are many times slower than one."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before anything imports torch
