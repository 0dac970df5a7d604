//! Which system calls a function can make: those in the list, some only with certain arguments.
//! Everything else is answered by EPERM.

mod allowed;

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use allowed::{ALLOWED, ALLOWED_ON_THIS_MACHINE};

/// What makes a new namespace (clone(2)).
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64;

/// Sockets between processes, and of the network that is not there. A network namespace does not
/// isolate AF_VSOCK.
const SOCKET_DOMAINS: [libc::c_int; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// Their ordinary protocols. Each of the others is a part of the kernel that nobody here needs.
const SOCKET_PROTOCOLS: [libc::c_int; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Options by which a socket gets a program that the kernel runs (socket(7)).
const SOCKET_PROGRAMS: [libc::c_int; 4] = [
    libc::SO_ATTACH_BPF,
    libc::SO_ATTACH_FILTER,
    libc::SO_ATTACH_REUSEPORT_CBPF,
    libc::SO_ATTACH_REUSEPORT_EBPF,
];

/// Options by which what waits in a socket may be more than the machine's default: it is in no limit
/// but that of a control group.
const SOCKET_BUFFERS: [libc::c_int; 2] = [libc::SO_SNDBUF, libc::SO_SNDBUFFORCE];

/// What is asked of open files (fcntl(2)). F_NOTIFY tells who else reads in a folder that many share.
const FILE_REQUESTS: [libc::c_int; 14] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_GETFL,
    libc::F_GETLK,
    libc::F_GETPIPE_SZ,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
    libc::F_SETFD,
    libc::F_SETFL,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_SETPIPE_SZ,
];

/// What is asked of terminals, pipes and sockets. TIOCSTI and TIOCLINUX type into terminals.
const DEVICE_REQUESTS: [libc::c_ulong; 6] =
    [libc::FIOCLEX, libc::FIONBIO, libc::FIONCLEX, libc::FIONREAD, libc::TCGETS, libc::TIOCGWINSZ];

/// What a process may do to itself (prctl(2)).
const PROCESS_REQUESTS: [libc::c_int; 12] = [
    libc::PR_CAPBSET_READ,
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NAME,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_GET_PDEATHSIG,
    libc::PR_GET_SECCOMP,
    libc::PR_SET_DUMPABLE,
    libc::PR_SET_NAME,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_SET_PDEATHSIG,
    libc::PR_SET_THP_DISABLE,
    libc::PR_SET_VMA,
];

/// Asks which personality there is, and changes none (personality(2)).
const QUERY_PERSONALITY: u64 = 0xffff_ffff;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// From here on, for the process and all that it starts. It is `own_user`, or the one that others are.
pub(super) fn restrict(own_user: bool) -> io::Result<()> {
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    install(compile(unknown_calls(own_user), SeccompAction::Allow, unknown)?)?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    install(compile(rules()?, refused, SeccompAction::Allow)?)
}

/// What the list lets pass, and is then answered as by a kernel that does not know it, so that whoever
/// asks does without.
fn unknown_calls(own_user: bool) -> Rules {
    // Its flags are in memory, where no filter sees them; the C library takes clone instead.
    let mut calls = vec![libc::SYS_clone3];
    if !own_user {
        // What is watched is counted for a user, and would leave the others none; Python takes poll.
        calls.push(libc::SYS_epoll_create1);
        #[cfg(target_arch = "x86_64")]
        calls.push(libc::SYS_epoll_create);
    }
    calls.into_iter().map(|call| (call, Vec::new())).collect()
}

fn compile(rules: Rules, others: SeccompAction, matching: SeccompAction) -> io::Result<BpfProgram> {
    let machine = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, others, matching, machine).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

fn install(program: BpfProgram) -> io::Result<()> {
    apply_filter(&program).map_err(io::Error::other)
}

fn rules() -> io::Result<Rules> {
    let unconditional = ALLOWED.iter().chain(ALLOWED_ON_THIS_MACHINE);
    let mut rules: Rules = unconditional.map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone3, Vec::new());
    rules.insert(libc::SYS_clone, vec![rule(0, Qword, SeccompCmpOp::MaskedEq(NAMESPACES), 0)?]);
    rules.insert(libc::SYS_mmap, mappings()?);
    let kind_of_file = || SeccompCmpOp::MaskedEq(u64::from(libc::S_IFMT));
    let pipe = u64::from(libc::S_IFIFO);
    rules.insert(libc::SYS_mknodat, vec![rule(2, Dword, kind_of_file(), pipe)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_mknod, vec![rule(1, Dword, kind_of_file(), pipe)?]);
    let any_of = |argument, values: &[u64]| {
        values
            .iter()
            .map(|value| rule(argument, Dword, SeccompCmpOp::Eq, *value))
            .collect::<io::Result<Vec<_>>>()
    };
    rules.insert(libc::SYS_socket, ordinary_sockets()?);
    rules.insert(libc::SYS_socketpair, ordinary_sockets()?);
    rules.insert(libc::SYS_setsockopt, harmless_options()?);
    rules.insert(libc::SYS_fcntl, any_of(1, &FILE_REQUESTS.map(|request| request as u64))?);
    rules.insert(libc::SYS_ioctl, any_of(1, &DEVICE_REQUESTS)?);
    rules.insert(libc::SYS_prctl, any_of(0, &PROCESS_REQUESTS.map(|request| request as u64))?);
    rules.insert(libc::SYS_personality, any_of(0, &[QUERY_PERSONALITY])?);
    rules.extend(what_others_read()?);
    rules.extend(ordinary_messages()?);
    rules.extend(limits_but_that_of_cores()?);
    Ok(rules)
}

/// Reads files that all workers share, and neither tells whether somebody has read them before
/// (preadv2(2), RWF_NOWAIT) nor lets them be read anew (posix_fadvise(2), POSIX_FADV_DONTNEED).
fn what_others_read() -> io::Result<Rules> {
    let at_once = SeccompCmpOp::MaskedEq(libc::RWF_NOWAIT as u64);
    Ok(Rules::from([
        (libc::SYS_preadv2, vec![rule(5, Dword, at_once, 0)?]),
        (libc::SYS_fadvise64, vec![rule(3, Dword, SeccompCmpOp::Ne, libc::POSIX_FADV_DONTNEED as u64)?]),
    ]))
}

/// No data out of band: nobody needs it between processes, and it had faults by which a kernel was
/// taken over.
fn ordinary_messages() -> io::Result<Rules> {
    let out_of_band = || SeccompCmpOp::MaskedEq(libc::MSG_OOB as u64);
    [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)]
        .into_iter()
        .map(|(call, flags)| Ok((call, vec![rule(flags, Dword, out_of_band(), 0)?])))
        .collect()
}

/// A process may look at every limit of its own and lower it, but for the one that keeps its memory
/// from programs that take cores: zero would let them have it.
fn limits_but_that_of_cores() -> io::Result<Rules> {
    let others = |argument| rule(argument, Dword, SeccompCmpOp::Ne, u64::from(libc::RLIMIT_CORE));
    Ok(Rules::from([
        (libc::SYS_setrlimit, vec![others(0)?]),
        (libc::SYS_prlimit64, vec![others(1)?, rule(2, Qword, SeccompCmpOp::Eq, 0)?]),
    ]))
}

/// Files, and memory of the process's own. Huge pages are a supply of the whole machine, and in
/// nobody's limit; so is shared memory without a file, once no page of it is mapped any more.
fn mappings() -> io::Result<Vec<SeccompRule>> {
    let huge = libc::MAP_HUGETLB as u64;
    let nameless = huge | libc::MAP_ANONYMOUS as u64;
    let kind = huge | libc::MAP_TYPE as u64;
    Ok(vec![
        rule(3, Dword, SeccompCmpOp::MaskedEq(nameless), 0)?,
        rule(3, Dword, SeccompCmpOp::MaskedEq(kind), libc::MAP_PRIVATE as u64)?,
    ])
}

fn ordinary_sockets() -> io::Result<Vec<SeccompRule>> {
    let equal = |argument, value: libc::c_int| condition(argument, Dword, SeccompCmpOp::Eq, value as u64);
    let pairs = SOCKET_DOMAINS
        .iter()
        .flat_map(|domain| SOCKET_PROTOCOLS.iter().map(move |protocol| (*domain, *protocol)));
    pairs.map(|(domain, protocol)| all_of(vec![equal(0, domain)?, equal(2, protocol)?])).collect()
}

fn harmless_options() -> io::Result<Vec<SeccompRule>> {
    let level = libc::SOL_SOCKET as u64;
    let mut of_sockets = vec![condition(1, Dword, SeccompCmpOp::Eq, level)?];
    for option in SOCKET_PROGRAMS.into_iter().chain(SOCKET_BUFFERS) {
        of_sockets.push(condition(2, Dword, SeccompCmpOp::Ne, option as u64)?);
    }
    Ok(vec![rule(1, Dword, SeccompCmpOp::Ne, level)?, all_of(of_sockets)?])
}

use SeccompCmpArgLen::{Dword, Qword};

fn rule(
    argument: u8,
    length: SeccompCmpArgLen,
    comparison: SeccompCmpOp,
    value: u64,
) -> io::Result<SeccompRule> {
    all_of(vec![condition(argument, length, comparison, value)?])
}

fn all_of(conditions: Vec<SeccompCondition>) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(io::Error::other)
}

fn condition(
    argument: u8,
    length: SeccompCmpArgLen,
    comparison: SeccompCmpOp,
    value: u64,
) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, length, comparison, value).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever reaches into other processes, the kernel or its configuration, or holds memory that
    /// no limit counts.
    const NEVER: [i64; 30] = [
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_chroot,
        libc::SYS_delete_module,
        libc::SYS_finit_module,
        libc::SYS_init_module,
        libc::SYS_io_setup,
        libc::SYS_io_uring_setup,
        libc::SYS_kcmp,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_memfd_create,
        libc::SYS_mount,
        libc::SYS_move_mount,
        libc::SYS_mq_open,
        libc::SYS_msgget,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pivot_root,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_request_key,
        libc::SYS_semget,
        libc::SYS_setns,
        libc::SYS_shmget,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
    ];

    #[test]
    fn what_reaches_out_is_not_in_the_list() {
        let rules = rules().unwrap();
        for call in NEVER {
            assert!(!rules.contains_key(&call), "{call}");
        }
    }

    #[test]
    fn conditions_replace_nothing_that_is_allowed_without() {
        let listed: Vec<i64> = ALLOWED.iter().chain(ALLOWED_ON_THIS_MACHINE).copied().collect();
        let conditional: Vec<i64> = rules()
            .unwrap()
            .into_iter()
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(call, _)| call)
            .collect();
        assert_eq!(conditional.len(), if cfg!(target_arch = "x86_64") { 18 } else { 17 });
        assert!(conditional.iter().all(|call| !listed.contains(call)));
    }

    #[test]
    fn the_list_is_sorted_and_names_each_once() {
        let both: Vec<i64> = ALLOWED.iter().chain(ALLOWED_ON_THIS_MACHINE).copied().collect();
        assert_eq!(both.iter().collect::<std::collections::BTreeSet<_>>().len(), both.len());
    }
}
