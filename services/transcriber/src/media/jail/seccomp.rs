//! seccomp: what the child may ask of the kernel. Two filters stand one behind the other: what only an intruder would
//! ask for ends the process; what is on the list of things that decoding needs is done; everything else is answered
//! `EPERM`, because libraries look for locales, fonts and threads that they can do without.

use std::{collections::BTreeMap, env, io};

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::Wall;

/// What decoding needs, whatever the arguments: reading and writing what is open, memory, time, signals, the end.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    libc::SYS_read, libc::SYS_readv, libc::SYS_pread64, libc::SYS_write, libc::SYS_writev, libc::SYS_lseek,
    libc::SYS_close, libc::SYS_fstat, libc::SYS_dup3, libc::SYS_ppoll,
    // The request comes this way. There is no socket left once it has come, and no way to make one.
    libc::SYS_recvmsg,
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise,
    libc::SYS_futex, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_getpid, libc::SYS_gettid,
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep,
    libc::SYS_gettimeofday, libc::SYS_getrandom,
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_restart_syscall, libc::SYS_exit, libc::SYS_exit_group,
];

/// Calls that only the older machine has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_dup2, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// What no decoder asks for.
#[rustfmt::skip]
const HOSTILE: &[c_long] = &[
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal,
    libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept,
    libc::SYS_accept4, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg,
    libc::SYS_memfd_create, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsmount,
    libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_unshare, libc::SYS_setns,
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load,
    libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl, libc::SYS_reboot, libc::SYS_swapon,
    libc::SYS_open_by_handle_at,
];

/// Puts both filters in place. `Missing` if this kernel or this processor has none.
pub(super) fn install() -> io::Result<Wall> {
    let (hostile, allowed) = match (hostile(), allowed()) {
        (Ok(hostile), Ok(allowed)) => (hostile, allowed),
        (Err(error), _) | (_, Err(error)) => return Err(io::Error::other(error)),
    };
    match seccompiler::apply_filter(&hostile).and_then(|()| seccompiler::apply_filter(&allowed)) {
        Ok(()) => Ok(Wall::Whole),
        Err(_) => Ok(Wall::Missing),
    }
}

fn hostile() -> Result<BpfProgram, Error> {
    let rules = HOSTILE.iter().map(|&call| (call, Vec::new())).collect();
    program(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn allowed() -> Result<BpfProgram, Error> {
    let always = ALLOWED.iter().chain(ALLOWED_HERE).map(|&call| (call, Vec::new()));
    let mut rules: BTreeMap<_, _> = always.collect();
    // Memory that can be written is never run.
    let executable = u64::from(libc::PROT_EXEC.cast_unsigned());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![argument(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
    }
    // To duplicate a descriptor; not to have signals sent about one.
    let of_descriptors = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];
    let commands = of_descriptors.map(|command| argument(1, SeccompCmpOp::Eq, u64::from(command.cast_unsigned())));
    rules.insert(libc::SYS_fcntl, commands.into_iter().collect::<Result<_, _>>()?);
    // A signal to itself is how a process ends in a panic.
    rules.insert(libc::SYS_tgkill, vec![argument(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
    program(rules, SeccompAction::Errno(libc::EPERM.cast_unsigned()), SeccompAction::Allow)
}

fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, Error> {
    let condition = SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value);
    Ok(condition.and_then(|condition| SeccompRule::new(vec![condition]))?)
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, Error> {
    let filter = SeccompFilter::new(rules, otherwise, listed, env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_filters_can_be_built_and_contradict_each_other_nowhere() {
        assert!(!hostile().unwrap().is_empty());
        assert!(!allowed().unwrap().is_empty());
        assert!(ALLOWED.iter().chain(ALLOWED_HERE).all(|call| !HOSTILE.contains(call)));
    }
}
