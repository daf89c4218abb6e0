"""enter.py ROOT FOLDER USER:GROUP COMMAND...: becomes that command in that root folder, as this user, who can get no more rights."""

import ctypes
import os
import sys

NO_NEW_PRIVS = 38

root, folder, user, *command = sys.argv[1:]
uid, gid = (int(number) for number in user.split(":"))
os.chroot(root)
os.chdir(folder)
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
if ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
    sys.exit("prctl: rights could be had again")
os.execvp(command[0], command)
