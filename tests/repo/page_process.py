"""`nbdev_test` of one notebook in a process that is forked where the libraries are loaded already: that saves 4 s a notebook."""
import multiprocessing
import os
import sys

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["nbdev.test", "torch", "torchvision", "scipy.integrate", "scipy.optimize", "scipy.stats", "pandas", "h5py", "matplotlib.figure"])


def execute(path, said):
    "What `nbdev_test --path` does, in this process; its output goes to the file `said`."
    from nbdev.config import get_config
    from nbdev.test import test_nb
    multiprocessing.set_start_method(None, force=True) # what the page starts is started as anywhere else
    with open(said, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        os.chdir(get_config().nbs_path)
        passed, _ = test_nb(path, skip_flags=get_config().tst_flags.split(), basepath=get_config().config_path)
        sys.exit(not passed)
