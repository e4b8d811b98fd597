"""A disk of a test's own, small enough to be filled: a tmpfs that this process mounts, where it may."""

import os
import shutil
import subprocess

import pytest

PAGE = 4096


class SmallDisk:
    """A tmpfs of ``size`` bytes at ``folder``. Skips the test where nothing may be mounted, and says why."""

    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        asked = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(folder)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")

    def take(self, source):
        """Move a directory onto the disk, its owners kept, and leave a link in its place."""
        there = self.folder / source.name
        subprocess.run(["cp", "-a", str(source), str(there)], check=True)
        shutil.rmtree(source)
        source.symlink_to(there)

    def fill(self):
        """Take every page that is left."""
        with (self.folder / "filler").open("ab") as filler:
            left = os.statvfs(self.folder).f_bavail * PAGE
            while left >= PAGE:
                try:
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), left)
                    filler.seek(0, os.SEEK_END)
                except OSError:
                    left //= 2
                else:
                    left = os.statvfs(self.folder).f_bavail * PAGE

    def make_room(self):
        (self.folder / "filler").unlink(missing_ok=True)

    def remove(self):
        subprocess.run(["umount", str(self.folder)], check=True)
