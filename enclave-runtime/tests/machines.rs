//! Machines that give less than the layers of isolation take: in development the runtime names what is
//! off and serves; where settings require it, it does not start.

mod support;

use std::collections::BTreeMap;

use cape_core::session::RuntimeDescription;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use support::{Function, Platform, Runtime, account};

const LOOK: &str = "import os\ndef cape_handler(data):\n    return str(os.path.exists('/etc/shadow'))\n";
const MOUNTS: [i64; 5] = [
    libc::SYS_mount,
    libc::SYS_pivot_root,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
];
const LANDLOCK: [i64; 3] =
    [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self];

/// Has every process that the calling thread starts from now on refused these calls.
fn refuse(calls: &[i64], error: i32) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    install(rules, error);
}

/// As containers have it: no namespaces, and no word of what clone3(2) is asked for.
fn refuse_namespaces() {
    let namespaces = (libc::CLONE_NEWPID | libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as u64;
    let one_of_them = |flag| {
        let has_it = SeccompCmpOp::MaskedEq(flag);
        SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Qword, has_it, flag).unwrap()])
            .unwrap()
    };
    let flags = (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| namespaces & flag != 0);
    install(BTreeMap::from([(libc::SYS_clone, flags.map(one_of_them).collect())]), libc::EPERM);
    refuse(&[libc::SYS_clone3], libc::ENOSYS);
    refuse(&[&[libc::SYS_unshare, libc::SYS_setns], &MOUNTS[..]].concat(), libc::EPERM);
}

fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, error: i32) {
    let refused = SeccompAction::Errno(error.try_into().unwrap());
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, machine).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// Lets a thread that is refused some calls start something, which is refused them too.
fn where_refused<T: Send>(refuse: impl FnOnce() + Send, start: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            refuse();
            start()
        });
        started.join().unwrap()
    })
}

/// The layers that a runtime says are off, with the reasons; the function runs all the same.
async fn serves_without(platform: &Platform, runtime: Runtime<'_>) -> BTreeMap<String, String> {
    let account = account();
    let mut client = runtime.connect().await;
    let function = Function::new(platform, &account, LOOK);
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"").await.unwrap();
    let description = RuntimeDescription::decode(&client.describe().await.description).unwrap();
    let off = description.isolation.into_iter().filter_map(|layer| Some((layer.name, layer.off_because?)));
    off.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_it_serves_and_names_them() {
    let platform = Platform::new().await;
    let runtime = where_refused(refuse_namespaces, || platform.start());
    let off = serves_without(&platform, runtime).await;
    for layer in ["ipc_namespace", "network_namespace", "pid_namespace", "user_namespace", "uts_namespace"] {
        assert!(off.contains_key(layer), "{layer}: {off:?}");
    }
    assert!(off["private_root"].starts_with("no mount namespace: "), "{off:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mounts_it_serves_and_names_what_needs_them() {
    let platform = Platform::new().await;
    let runtime = where_refused(|| refuse(&MOUNTS, libc::EACCES), || platform.start());
    let off = serves_without(&platform, runtime).await;
    assert!(off.contains_key("private_storage") && off.contains_key("private_root"), "{off:?}");
    // The interpreter may be where only root may look.
    let reason = off.get("own_user").map_or("not every user may enter", |reason| reason);
    assert!(reason.starts_with("not every user may enter") || reason.contains("not root"), "{off:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_into_workers_roots_it_serves_and_names_what_needs_it() {
    let platform = Platform::new().await;
    let runtime = where_refused(|| refuse(&[libc::SYS_setns], libc::EPERM), || platform.start());
    let off = serves_without(&platform, runtime).await;
    assert!(off["private_root"].starts_with("functions cannot be shown in it: "), "{off:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_landlock_it_serves_and_names_it() {
    let platform = Platform::new().await;
    let runtime = where_refused(|| refuse(&LANDLOCK, libc::ENOSYS), || platform.start());
    let off = serves_without(&platform, runtime).await;
    assert_eq!(off["landlock"], "the kernel does not know it");
    assert!(!off.contains_key("network_namespace"), "{off:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_start_without_what_is_required_and_says_which() {
    let off = |layer: &str| format!("the settings require the layer {layer}: ");
    for (layer, refuse) in [
        ("landlock", (|| refuse(&LANDLOCK, libc::ENOSYS)) as fn()),
        ("network_namespace", refuse_namespaces),
        ("pid_namespace", refuse_namespaces),
        ("private_root", || refuse(&MOUNTS, libc::EACCES)),
    ] {
        let platform = Platform::requiring(&[layer]).await;
        let arguments = platform.serve_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = where_refused(refuse, || platform.run(&arguments));
        assert!(!output.status.success(), "{layer}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&off(layer)), "{layer}: {said}");
    }
}
