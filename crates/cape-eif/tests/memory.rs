//! Memory does not grow with an image: one of 128 MiB passes through with a few pieces of it held.

use std::fs::{self, File};
use std::io::{self, Read, Seek};

use cape_eif::cpio::{Content, Entries, EntryKind, Tree};
use cape_eif::{Architecture, Description, Image, ImageWriter, Metadata};

const LARGE: u64 = 128 << 20;
const MOST_MORE: u64 = 8 << 20;

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_large_image_passes_through() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    File::create(&large).unwrap().set_len(LARGE).unwrap();
    let metadata = r#"{"ImageName":"","ImageVersion":"","BuildMetadata":{"BuildTime":"","BuildTool":"",
        "BuildToolVersion":"","OperatingSystem":"","KernelVersion":""},"DockerInfo":null,"CustomMetadata":null}"#;
    let metadata: Metadata = serde_json::from_str(metadata).unwrap();
    let description = Description {
        architecture: Architecture::X86_64,
        default_memory: 1 << 30,
        default_cpus: 2,
        command_line: "".parse().unwrap(),
        metadata,
    };
    let mut tree = Tree::new();
    tree.file("large", 0o644, Content::File(large)).unwrap();
    let mut file = tempfile::tempfile_in(folder.path()).unwrap();
    let before = peak();

    let writer = ImageWriter::new(&mut file, description, io::repeat(7).take(1000)).unwrap();
    let written = writer.ramdisk(|out| tree.write(out)).unwrap().finish(None).unwrap();
    file.rewind().unwrap();
    let image = Image::read(&file).unwrap();
    assert_eq!(image.measurements(), &written);
    let entries = Entries::new(image.sections()[3].open(&file).unwrap());
    let sizes = entries.map(|entry| match entry.unwrap().kind {
        EntryKind::File { size, .. } => size.into(),
        other => panic!("{other:?}"),
    });
    let sizes: Vec<u64> = sizes.collect();
    assert_eq!(sizes, [LARGE]);

    assert!(peak() - before < MOST_MORE, "{before} bytes, then {}", peak());
}
