"""What holds for every test."""

import os

# As in a job: threads of native libraries that spin while others work make a test take twenty times as long.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
