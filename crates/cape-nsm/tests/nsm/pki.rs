use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use cape_nsm::{Pki, PkiError};

use crate::support::{Clock, Document, Folder, START, certificate};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn only_the_owner_can_read_it() {
    let folder = Folder::new();
    let directory = folder.join("deep/nsm");
    let pki = Pki::create(&directory, START).unwrap();
    Clock::at(START).start(pki).unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(names(&directory), ["chain.pem", "root.pem"]);
    assert_eq!(mode(&directory.join("root.pem")), 0o600);
    assert_eq!(mode(&directory.join("chain.pem")), 0o600);
}

#[test]
fn opened_again_it_is_the_same() {
    let folder = Folder::new();
    let created = Pki::create(&folder.join("nsm"), START).unwrap();
    let opened = Pki::open(&folder.join("nsm")).unwrap();
    assert_eq!(opened.root(), created.root());
}

#[test]
fn the_root_is_what_documents_begin_with() {
    let folder = Folder::new();
    let pki = Pki::create(&folder.join("nsm"), START).unwrap();
    let root = pki.root().to_vec();
    let nsm = Clock::at(START).start(pki).unwrap();
    assert_eq!(Document::of(&nsm).chain()[0], root);
    assert!(certificate(&root).subject().to_string().ends_with("CN=cape development root"));
}

#[test]
fn a_root_is_never_replaced() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    Pki::create(&directory, START).unwrap();
    let before = fs::read(directory.join("root.pem")).unwrap();
    let error = Pki::create(&directory, START).unwrap_err();
    assert!(matches!(error, PkiError::Exists { .. }), "{error}");
    assert_eq!(fs::read(directory.join("root.pem")).unwrap(), before);
    assert_eq!(names(&directory), ["root.pem"]);
}

#[test]
fn of_many_creators_one_wins() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    let results: Vec<Result<Pki, PkiError>> = thread::scope(|scope| {
        let creators: Vec<_> = (0..8).map(|_| scope.spawn(|| Pki::create(&directory, START))).collect();
        creators.into_iter().map(|creator| creator.join().unwrap()).collect()
    });
    let roots: Vec<&Pki> = results.iter().flatten().collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(Pki::open(&directory).unwrap().root(), roots[0].root());
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(error, PkiError::Exists { .. }), "{error}");
    }
}

#[test]
fn processes_that_share_it_all_have_good_chains() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    let root = Pki::create(&directory, START).unwrap().root().to_vec();
    let start = || {
        let nsm = Clock::at(START).start(Pki::open(&directory).unwrap()).unwrap();
        Document::of(&nsm).chain()
    };
    let chains: Vec<Vec<Vec<u8>>> = thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for chain in chains.into_iter().chain([start()]) {
        assert_eq!(chain[0], root);
        for pair in chain.windows(2) {
            let (issuer, subject) = (certificate(&pair[0]), certificate(&pair[1]));
            subject.verify_signature(Some(issuer.public_key())).unwrap();
        }
    }
    assert_eq!(names(&directory), ["chain.pem", "root.pem"]);
}

#[test]
fn without_a_root_nothing_opens() {
    let folder = Folder::new();
    for directory in [folder.join("nowhere"), private(folder.join("empty"))] {
        let error = Pki::open(&directory).unwrap_err();
        assert!(matches!(error, PkiError::Missing { .. }), "{error}");
    }
    assert!(!folder.join("nowhere").exists());
}

#[test]
fn keys_that_others_can_reach_are_refused() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    Pki::create(&directory, START).unwrap();
    for (path, wrong, right) in
        [(directory.clone(), 0o750, 0o700), (directory.join("root.pem"), 0o644, 0o600)]
    {
        fs::set_permissions(&path, Permissions::from_mode(wrong)).unwrap();
        let error = Pki::open(&directory).unwrap_err();
        assert!(
            matches!(&error, PkiError::Exposed { path: exposed, mode } if *exposed == path && *mode == wrong),
            "{error}"
        );
        fs::set_permissions(&path, Permissions::from_mode(right)).unwrap();
        Pki::open(&directory).unwrap();
    }
    let shared = folder.join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Pki::create(&shared, START), Err(PkiError::Exposed { .. })));
    assert!(names(&shared).is_empty());
}

#[test]
fn a_damaged_root_is_named() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    Pki::create(&directory, START).unwrap();
    let path = directory.join("root.pem");
    let whole = fs::read_to_string(&path).unwrap();
    let other = folder.join("other");
    Pki::create(&other, START).unwrap();
    let other = fs::read_to_string(other.join("root.pem")).unwrap();
    let certificate_end = whole.find("-----BEGIN PRIVATE KEY").unwrap();
    let other_key = &other[other.find("-----BEGIN PRIVATE KEY").unwrap()..];
    for damaged in [
        String::new(),
        whole[..certificate_end].to_owned(),
        format!("{}{other_key}", &whole[..certificate_end]),
        format!("{}{}", &whole[certificate_end..], &whole[..certificate_end]),
        format!("{whole}{other}"),
        whole.replace("MII", "MIJ"),
    ] {
        fs::write(&path, &damaged).unwrap();
        let error = Pki::open(&directory).unwrap_err();
        assert!(matches!(&error, PkiError::Malformed { path: named, .. } if *named == path), "{error}");
    }
}

#[test]
fn the_chain_of_another_root_is_not_used() {
    let folder = Folder::new();
    let (ours, other) = (folder.join("ours"), folder.join("other"));
    Clock::at(START).start(Pki::create(&other, START).unwrap()).unwrap();
    let root = Pki::create(&ours, START).unwrap().root().to_vec();
    fs::copy(other.join("chain.pem"), ours.join("chain.pem")).unwrap();
    let nsm = Clock::at(START).start(Pki::open(&ours).unwrap()).unwrap();
    let chain = Document::of(&nsm).chain();
    assert_eq!(chain[0], root);
    certificate(&chain[1]).verify_signature(Some(certificate(&root).public_key())).unwrap();
}

#[test]
fn a_time_that_no_certificate_can_state_is_refused() {
    let folder = Folder::new();
    let error = Pki::create(&folder.join("nsm"), u64::MAX).unwrap_err();
    assert!(matches!(error, PkiError::Clock { .. }), "{error}");
    assert!(matches!(Pki::open(&folder.join("nsm")), Err(PkiError::Missing { .. })));
}

#[test]
fn its_debug_output_shows_no_key() {
    let folder = Folder::new();
    let pki = Pki::create(&folder.join("nsm"), START).unwrap();
    assert_eq!(format!("{pki:?}"), format!("Pki {{ directory: {:?}, .. }}", folder.join("nsm")));
}

fn private(directory: std::path::PathBuf) -> std::path::PathBuf {
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    directory
}
