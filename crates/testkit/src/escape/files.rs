//! Ways to read or change files outside.

use super::Probe;

pub(super) const PROBES: &[Probe] = &[
    Probe::python("file-beside-the-tree", "the runner's files", r#"is_secret(read(E["SECRET"]))"#).anybody(),
    Probe::python("file-by-dots", "the runner's files", r#"
is_secret(read(os.path.join(E["TREE"], "..", os.path.basename(os.path.dirname(E["SECRET"])), os.path.basename(E["SECRET"]))))"#).anybody(),
    Probe::python("symlink-from-outside", "a link that lies in the repository", r#"
is_secret(read(E["TREE"] + "/link-to-secret"))"#).anybody(),
    Probe::python("symlink-from-inside", "a link that the agent makes", r#"
link = E["TREE"] + "/my-link"
if not os.path.islink(link):
    os.symlink(E["SECRET"], link)
is_secret(read(link))"#).anybody(),
    Probe::python("symlink-directory", "a directory that the agent links to", r#"
link = E["TREE"] + "/my-directory"
if not os.path.islink(link):
    os.symlink(os.path.dirname(E["SECRET"]), link)
is_secret(read(link + "/" + os.path.basename(E["SECRET"])))"#).anybody(),
    Probe::python("hard-link-in", "a second name in the tree for a file outside", r#"
name = E["TREE"] + "/my-hard-link"
os.link(E["SECRET"], name)
os.unlink(name)"#).anybody(),
    Probe::python("hard-link-out", "a second name outside for a file in the tree", r#"
open(E["TREE"] + "/mine", "w").close()
name = os.path.dirname(E["SECRET"]) + "/planted"
os.link(E["TREE"] + "/mine", name)
os.unlink(name)"#).anybody(),
    Probe::python("rename-out", "a file planted outside", r#"
open(E["TREE"] + "/mine-to-move", "w").close()
name = os.path.dirname(E["SECRET"]) + "/moved"
os.rename(E["TREE"] + "/mine-to-move", name)
os.unlink(name)"#).anybody(),
    Probe::python("write-beside-the-tree", "a file planted outside", r#"
name = os.path.dirname(E["SECRET"]) + "/written"
open(name, "w").close()
os.unlink(name)"#).anybody(),
    Probe::python("change-by-owner", "a file opened up, because its owner is us", r#"
os.chmod(E["SECRET"], 0o600)"#).anybody().namespaces(),
    Probe::python("descriptor-inherited", "a descriptor that leads outside", r#"
for name in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink("/proc/self/fd/" + name)
    except OSError:
        continue
    # The three streams, and the one of this listing.
    if int(name) > 2 and "/proc/" not in target:
        print(name, target)
        sys.exit(0)
assert False, "none""#),
    Probe::python("temporary-files", "temporary files of others", r#"is_secret(read(E["TMP"]))"#).anybody(),
    Probe::python("shared-memory-file", "shared memory of others", r#"
is_secret(read("/dev/shm/" + E["SHM"]))"#).anybody(),
    Probe::python("shadow", "the machine's passwords", r#"read("/etc/shadow")"#).root(),
    Probe::python("shadow-backup", "the machine's passwords", r#"
for path in ("/etc/shadow-", "/etc/gshadow", "/var/backups/shadow.bak"):
    try:
        read(path)
        sys.exit(0)
    except OSError:
        pass
assert False"#),
    Probe::python("sudoers", "who may become root", r#"read("/etc/sudoers")"#),
    Probe::shell("ssh-host-keys", "the machine's identity", "ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1"),
    Probe::shell("tls-private-keys", "the machine's identity", "[ -d /etc/ssl/private ] && ls /etc/ssl/private >/dev/null"),
    Probe::python("home-of-root", "root's files", r#"os.listdir("/root")"#).root(),
    Probe::python("home-of-the-person", "keys, tokens, histories", r#"
homes = [home for home in ("/home/" + name for name in os.listdir("/home"))
         if not (E["TREE"] + "/").startswith(home + "/")]
assert homes, "none""#),
    Probe::python("services-data", "databases of the machine", r#"assert os.listdir("/var/lib")"#).anybody(),
    Probe::python("services-state", "sockets and states of daemons", r#"
assert set(os.listdir("/run")) - {"pilothouse"}"#).anybody(),
    Probe::python("system-logs", "what happens on the machine", r#"assert os.listdir("/var/log")"#).anybody(),
    Probe::python("scheduled-jobs", "running later, outside", r#"
assert os.listdir("/etc/cron.d") or os.listdir("/var/spool/cron")"#),
    Probe::python("root-directory", "the machine's other files", r#"
plain = {"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "gnu",
         "opt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var"}
seen = set(os.listdir("/")) & {"boot", "root", "srv", "mnt", "media", "lost+found"}
assert seen, "none""#).anybody(),
    Probe::python("write-programs", "programs of the machine", r#"
open("/usr/local/bin/planted", "w").close()
os.unlink("/usr/local/bin/planted")"#).root(),
    Probe::python("write-settings", "settings of the machine", r#"
os.close(os.open("/etc/passwd", os.O_WRONLY))"#).root(),
    Probe::python("write-names", "whom names lead to", r#"
os.close(os.open("/etc/hosts", os.O_WRONLY))"#).root(),
    Probe::python("write-root-directory", "a place for more than the tree", r#"
os.mkdir("/planted")
os.rmdir("/planted")"#).root(),
    Probe::python("write-devices", "a device of one's own", r#"
open("/dev/planted", "w").close()
os.unlink("/dev/planted")"#),
    Probe::python("write-init", "the program that starts commands", r#"
os.close(os.open("/run/pilothouse/init", os.O_WRONLY))"#),
    Probe::python("device-character", "the machine's memory", r#"
os.mknod(E["TREE"] + "/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
os.unlink(E["TREE"] + "/null")"#).root(),
    Probe::python("device-block", "the machine's disk", r#"
os.mknod(E["TREE"] + "/disk", stat.S_IFBLK | 0o666, os.makedev(7, 0))
os.unlink(E["TREE"] + "/disk")"#).root(),
    Probe::python("device-memory", "the machine's memory", r#"
for path in ("/dev/mem", "/dev/kmem", "/dev/port"):
    try:
        os.close(os.open(path, os.O_RDONLY))
        sys.exit(0)
    except OSError:
        pass
assert False"#),
    Probe::python("device-disk", "the machine's disk", r#"
for name in os.listdir("/dev"):
    path = "/dev/" + name
    if stat.S_ISBLK(os.stat(path).st_mode):
        os.close(os.open(path, os.O_RDONLY))
        sys.exit(0)
assert False, "none""#).root(),
    Probe::python("device-virtual-machines", "a machine of one's own", r#"
os.close(os.open("/dev/kvm", os.O_RDWR))"#),
    Probe::python("device-file-systems", "a file system of one's own", r#"
os.close(os.open("/dev/fuse", os.O_RDWR))"#),
    Probe::python("device-kernel-log", "addresses in the kernel", r#"
os.close(os.open("/dev/kmsg", os.O_RDONLY))"#),
    Probe::python("terminals-of-others", "what a person types", r#"
assert any(name.isdigit() for name in os.listdir("/dev/pts")), "none""#).namespaces(),
    Probe::python("owner-change", "a file that belongs to another", r#"
path = E["TREE"] + "/given"
open(path, "w").close()
os.chown(path, 12345, 12345)"#).root(),
    Probe::python("file-capabilities", "a program that gains capabilities", r#"
path = E["TREE"] + "/capable"
open(path, "w").close()
os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 0x2000, 0, 0, 0))"#).root(),
    Probe::python("trusted-attributes", "marks that only root sets", r#"
path = E["TREE"] + "/marked"
open(path, "w").close()
os.setxattr(path, "trusted.probe", b"x")"#).root(),
    Probe::python("file-by-handle", "files by number, around every path", r#"
buffer = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mount = ctypes.c_int()
checked(libc.name_to_handle_at(-100, E["TREE"].encode(), buffer, ctypes.byref(mount), 0))
tree = os.open(E["TREE"], os.O_RDONLY)
checked(libc.open_by_handle_at(tree, buffer, 0))"#).root(),
    Probe::python("disk-quota", "the machine's quotas", r#"refused((179, 60), 0x800007 << 8, 0, 0, 0)"#),
];
