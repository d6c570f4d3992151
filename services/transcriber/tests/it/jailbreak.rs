//! Ways out of the decoder's jail, as a recording that has taken the decoder over would try them. Each is tried by a
//! process of its own: this test program, started again to enter the jail and then do one thing.

#![allow(unsafe_code, reason = "an intruder talks to the kernel, not to the standard library")]

use std::{
    env,
    ffi::{CString, c_void},
    fs::{self, File},
    io,
    net::{TcpListener, UdpSocket},
    os::unix::{net::UnixListener, process::ExitStatusExt},
    process::{Command, ExitStatus, Stdio},
    ptr,
};

use escriba_transcriber::media::jail::{self, Wall};
use libc::{c_int, c_long};

/// Says which way to try, and whether to enter the jail first.
const WAY: &str = "ESCRIBA_TEST_WAY_OUT";
const FREE: &str = "ESCRIBA_TEST_OUTSIDE";

/// What a process ends with whose attempt was answered with an error, and one that got through.
const DENIED: i32 = 40;
const THROUGH: i32 = 41;

/// One way out: its name, whether it works for anybody who is not in jail, and how it goes.
type Way = (&'static str, Outside, fn(&Prey) -> c_long);

#[derive(PartialEq)]
enum Outside {
    /// It works, so failing inside is the jail's doing.
    Works,
    /// It needs a privilege or a kernel that the test may not have, or undoes what another way needs.
    Depends,
}
use Outside::{Depends, Works};

/// What there is to get at.
struct Prey {
    folder: String,
    tcp: u16,
    udp: u16,
}

impl Prey {
    fn path(&self, name: &str) -> CString {
        CString::new(format!("{}/{name}", self.folder)).unwrap()
    }
}

fn parent() -> c_int {
    // SAFETY: it only asks.
    unsafe { libc::getppid() }
}

fn open(path: &CString, flags: c_int) -> c_long {
    // SAFETY: the path is a C string.
    unsafe { libc::open(path.as_ptr(), flags, 0o600) }.into()
}

/// Connects a new socket to an address of the prey's, or binds it.
fn reach(domain: c_int, kind: c_int, address: &[u8], bind: bool) -> c_long {
    let length = u32::try_from(address.len()).unwrap();
    // SAFETY: the address is as long as is said.
    unsafe {
        let socket = libc::socket(domain, kind, 0);
        if socket < 0 {
            return -1;
        }
        let call = if bind { libc::bind } else { libc::connect };
        call(socket, address.as_ptr().cast(), length).into()
    }
}

fn loopback(port: u16) -> Vec<u8> {
    let family = u16::try_from(libc::AF_INET).unwrap().to_ne_bytes();
    [&family[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
}

fn local(name: &[u8]) -> Vec<u8> {
    let family = u16::try_from(libc::AF_UNIX).unwrap().to_ne_bytes();
    [&family[..], name].concat()
}

fn call(number: c_long, arguments: [c_long; 5]) -> c_long {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: each use passes numbers, or pointers to what outlives the call.
    unsafe { libc::syscall(number, first, second, third, fourth, fifth) }
}

fn map(length: usize, protection: c_int) -> *mut c_void {
    // SAFETY: a new mapping touches no other.
    unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) }
}

fn mapped(at: *mut c_void) -> c_long {
    if at == libc::MAP_FAILED { -1 } else { 0 }
}

fn fork() -> c_long {
    // SAFETY: the child ends at once.
    match unsafe { libc::fork() } {
        0 => unsafe { libc::_exit(0) },
        child => child.into(),
    }
}

extern "C" fn idle(_: *mut c_void) -> *mut c_void {
    ptr::null_mut()
}

fn start_thread() -> c_long {
    let mut thread = 0;
    // SAFETY: the thread does nothing.
    let failed = unsafe { libc::pthread_create(&raw mut thread, ptr::null(), idle, ptr::null_mut()) };
    if failed == 0 { 0 } else { -1 }
}

fn execute() -> c_long {
    let arguments = [c"/bin/true".as_ptr(), ptr::null()];
    // SAFETY: both lists end with a null pointer.
    unsafe { libc::execv(arguments[0], arguments.as_ptr()) };
    -1
}

/// Reads this process's own code out of its parent, which runs the same program.
fn peek() -> c_long {
    let mut word = 0_u64;
    let ours = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: 8 };
    let theirs = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: 8 };
    // SAFETY: this end is as long as is said; the other end is the parent's, whatever is there.
    let read = unsafe { libc::process_vm_readv(parent(), &raw const ours, 1, &raw const theirs, 1, 0) };
    // An address that means nothing to the parent is no denial.
    if read < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT) { 0 } else { read as c_long }
}

fn raise_limit() -> c_long {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: the limit outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }.into()
}

fn write_upload() -> c_long {
    // SAFETY: the bytes outlive the call.
    let written = unsafe { libc::write(0, [7_u8; 100].as_ptr().cast(), 100) };
    if written == 100 { 0 } else { -1 }
}

fn many_descriptors() -> c_long {
    // SAFETY: descriptors of this process's own.
    (0..100).map(|_| c_long::from(unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3) })).min().unwrap()
}

fn memory_of_parent() -> CString {
    CString::new(format!("/proc/{}/mem", parent())).unwrap()
}

/// Changes a page that can be written into one that can be run.
fn make_executable() -> c_long {
    let page = map(4096, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: the page is this process's own.
    unsafe { libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC) }.into()
}

#[rustfmt::skip]
const WAYS: &[Way] = &[
    ("read a file", Works, |prey| open(&prey.path("secret"), libc::O_RDONLY)),
    ("read a system file", Works, |_| open(&c"/etc/passwd".to_owned(), libc::O_RDONLY)),
    ("write a file", Works, |prey| open(&prey.path("secret"), libc::O_WRONLY)),
    ("make a file", Works, |prey| open(&prey.path("new"), libc::O_WRONLY | libc::O_CREAT)),
    ("list a folder", Works, |prey| open(&prey.path(""), libc::O_RDONLY | libc::O_DIRECTORY)),
    ("open by openat2", Works, |prey| {
        let (path, how) = (prey.path("secret"), [0_u64; 3]);
        call(libc::SYS_openat2, [libc::AT_FDCWD.into(), path.as_ptr() as c_long, how.as_ptr() as c_long, 24, 0])
    }),
    ("delete a file", Works, |prey| unsafe { libc::unlink(prey.path("doomed").as_ptr()) }.into()),
    ("rename a file", Depends, |prey| unsafe { libc::rename(prey.path("doomed").as_ptr(), prey.path("x").as_ptr()) }.into()),
    ("make a folder", Works, |prey| unsafe { libc::mkdir(prey.path("folder").as_ptr(), 0o700) }.into()),
    ("make a link", Works, |prey| unsafe { libc::symlink(c"secret".as_ptr(), prey.path("link").as_ptr()) }.into()),
    ("change a mode", Works, |prey| unsafe { libc::chmod(prey.path("secret").as_ptr(), 0o777) }.into()),
    ("connect by TCP", Works, |prey| reach(libc::AF_INET, libc::SOCK_STREAM, &loopback(prey.tcp), false)),
    ("listen on TCP", Works, |_| reach(libc::AF_INET, libc::SOCK_STREAM, &loopback(0), true)),
    ("send by UDP", Works, |prey| reach(libc::AF_INET, libc::SOCK_DGRAM, &loopback(prey.udp), false)),
    ("connect to a local socket", Works, |prey| {
        reach(libc::AF_UNIX, libc::SOCK_STREAM, &local(prey.path("socket").as_bytes_with_nul()), false)
    }),
    ("bind an abstract socket", Works, |_| reach(libc::AF_UNIX, libc::SOCK_STREAM, &local(b"\0escriba-way-out"), true)),
    ("make a pair of sockets", Works, |_| {
        unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, [0; 2].as_mut_ptr()) }.into()
    }),
    ("speak netlink", Works, |_| unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0) }.into()),
    ("fork", Works, |_| fork()),
    ("start a thread", Works, |_| start_thread()),
    ("run a program", Depends, |_| execute()),
    ("run a program by descriptor", Depends, |_| call(libc::SYS_execveat, [0, c"".as_ptr() as c_long, 0, 0, libc::AT_EMPTY_PATH.into()])),
    ("make a file in memory", Works, |_| unsafe { libc::memfd_create(c"x".as_ptr(), 0) }.into()),
    ("map executable memory", Works, |_| mapped(map(4096, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC))),
    ("make memory executable", Works, |_| make_executable()),
    ("trace the parent", Depends, |_| call(libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), parent().into(), 0, 0, 0])),
    ("read the parent's memory", Depends, |_| peek()),
    ("open the parent's memory", Depends, |_| open(&memory_of_parent(), libc::O_RDWR)),
    ("signal the parent", Works, |_| unsafe { libc::kill(parent(), 0) }.into()),
    ("signal a thread of the parent", Works, |_| call(libc::SYS_tgkill, [parent().into(), parent().into(), 0, 0, 0])),
    ("signal everybody", Works, |_| unsafe { libc::kill(0, 0) }.into()),
    ("hold the parent", Works, |_| call(libc::SYS_pidfd_open, [parent().into(), 0, 0, 0, 0])),
    ("have signals sent to the parent", Works, |_| unsafe { libc::fcntl(1, libc::F_SETOWN, parent()) }.into()),
    ("slow the parent down", Works, |_| unsafe { libc::setpriority(libc::PRIO_PROCESS, parent().cast_unsigned(), 1) }.into()),
    ("limit the parent", Works, |_| {
        let limit = [u64::MAX; 2];
        call(libc::SYS_prlimit64, [parent().into(), libc::RLIMIT_CORE.into(), 0, limit.as_ptr() as c_long, 0])
    }),
    ("raise a limit", Works, |_| raise_limit()),
    ("become dumpable", Works, |_| unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }.into()),
    ("outlive the parent", Works, |_| unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0, 0, 0, 0) }.into()),
    ("become another user", Depends, |_| call(libc::SYS_setuid, [65_534, 0, 0, 0, 0])),
    ("write the upload", Works, |_| write_upload()),
    ("grow the upload", Works, |_| unsafe { libc::ftruncate(0, 1 << 30) }.into()),
    ("hold many descriptors", Works, |_| many_descriptors()),
    ("take more memory than allowed", Works, |_| mapped(map(4 << 30, libc::PROT_READ | libc::PROT_WRITE))),
    ("share memory", Works, |_| unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600) }.into()),
    ("make a user namespace", Depends, |_| unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into()),
    ("mount", Depends, |prey| unsafe {
        libc::mount(c"x".as_ptr(), prey.path("mount").as_ptr(), c"tmpfs".as_ptr(), 0, ptr::null())
    }.into()),
    ("change the root", Depends, |prey| unsafe { libc::chroot(prey.path("").as_ptr()) }.into()),
    ("make an io_uring", Depends, |_| call(libc::SYS_io_uring_setup, [4, [0_u8; 120].as_ptr() as c_long, 0, 0, 0])),
    ("load a filter into the kernel", Depends, |_| call(libc::SYS_bpf, [0, [0_u8; 128].as_ptr() as c_long, 128, 0, 0])),
    ("measure the kernel", Depends, |_| call(libc::SYS_perf_event_open, [[0_u8; 128].as_ptr() as c_long, 0, -1, -1, 0])),
    ("handle page faults", Depends, |_| call(libc::SYS_userfaultfd, [1, 0, 0, 0, 0])),
    ("take keys", Works, |_| call(libc::SYS_keyctl, [0, -3, 1, 0, 0])),
    ("shut the machine down", Depends, |_| call(libc::SYS_reboot, [0, 0, 0, 0, 0])),
];

#[test]
fn there_is_no_way_out_of_the_jail() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["secret", "doomed"] {
        fs::write(folder.path().join(name), "nobody reads this").unwrap();
    }
    fs::create_dir(folder.path().join("mount")).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _local = UnixListener::bind(folder.path().join("socket")).unwrap();
    let ports = [tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port()];
    tcp.set_nonblocking(true).unwrap();

    let way_out = |name: &str, outside: bool| {
        let upload = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.path().join("upload"))
            .unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "jailbreak::one_way", "--test-threads=1", "--nocapture"]);
        command.env(WAY, format!("{name}\n{}\n{}\n{}", folder.path().display(), ports[0], ports[1]));
        if outside {
            command.env(FREE, "1");
        }
        command.stdin(upload).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
    };
    for (name, _, _) in WAYS {
        let status = way_out(name, false);
        assert!(is_held(status), "there is a way out: {name}: {status}");
    }
    assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"nobody reads this");
    assert_eq!(fs::metadata(folder.path().join("upload")).unwrap().len(), 0);
    assert_eq!(tcp.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "somebody called");
    for (name, outside, _) in WAYS {
        // What fails outside as well would prove nothing.
        if *outside == Works {
            assert_eq!(way_out(name, true).code(), Some(THROUGH), "{name} does not work outside either");
        }
    }
}

/// Answered with an error, or ended for it by the kernel.
fn is_held(status: ExitStatus) -> bool {
    status.code() == Some(DENIED) || matches!(status.signal(), Some(libc::SIGSYS | libc::SIGXFSZ))
}

/// Not a test by itself: what the test above starts, in a process where nothing else happens.
#[test]
fn one_way() {
    let Ok(way) = env::var(WAY) else { return };
    let mut lines = way.lines();
    let mut next = || lines.next().unwrap().to_owned();
    let name = next();
    let prey = Prey { folder: next(), tcp: next().parse().unwrap(), udp: next().parse().unwrap() };
    let (_, _, attempt) = WAYS.iter().find(|(known, _, _)| *known == name).unwrap();
    if env::var_os(FREE).is_none() {
        assert_eq!(jail::enter().unwrap().seccomp, Wall::Whole);
    }
    let code = if attempt(&prey) < 0 { DENIED } else { THROUGH };
    // SAFETY: it ends the process, without anything that the jail forbids.
    unsafe { libc::_exit(code) }
}
