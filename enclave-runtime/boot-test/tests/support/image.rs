//! Images that the tests write themselves.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use cape_eif::cpio::{Content, Device, Tree};
use cape_eif::{
    Architecture, BuildMetadata, Description, Image, ImageWriter, Measurements, Metadata, Section,
    SectionKind,
};
use serde_json::{Map, Value};

use super::environment;

const MEBIBYTE: u64 = 1 << 20;

/// An image whose PID 1 is the probe.
pub(crate) fn of_probe(path: &Path) -> Measurements {
    let mut tree = Tree::new();
    for directory in ["dev", "proc"] {
        tree.directory(directory, 0o755).unwrap();
    }
    tree.character_device("dev/console", 0o600, Device::CONSOLE).unwrap();
    tree.file("init", 0o755, Content::File(environment::probe())).unwrap();
    let mut others = Tree::new();
    others.file("note", 0o644, Content::Bytes(b"the second ramdisk".to_vec())).unwrap();
    let kernel = File::open(environment::kernel()).unwrap();
    let writer =
        ImageWriter::new(new_file(path), description("console=ttyS0 panic=1 reboot=k"), kernel).unwrap();
    let writer = writer.ramdisk(|out| tree.write(out)).unwrap().ramdisk(|out| others.write(out)).unwrap();
    writer.finish(None).unwrap()
}

/// What an image is measured by.
pub(crate) struct Parts {
    pub(crate) kernel: Vec<u8>,
    pub(crate) command_line: String,
    pub(crate) ramdisks: Vec<Vec<u8>>,
}

impl Parts {
    /// Those of an image.
    pub(crate) fn of(image: &Path) -> Self {
        let mut file = File::open(image).unwrap();
        let sections = Image::read(&mut file).unwrap().sections().to_vec();
        let contents = |kind: SectionKind| -> Vec<Vec<u8>> {
            let sections = sections.iter().filter(|section| section.kind == kind);
            sections.map(|section| content(&file, section)).collect()
        };
        let kernel = contents(SectionKind::Kernel).remove(0);
        let command_line = String::from_utf8(contents(SectionKind::CommandLine).remove(0)).unwrap();
        Self { kernel, command_line, ramdisks: contents(SectionKind::Ramdisk) }
    }

    /// An image of them.
    pub(crate) fn write(&self, path: &Path) -> Measurements {
        let mut writer =
            ImageWriter::new(new_file(path), description(&self.command_line), &self.kernel[..]).unwrap();
        for ramdisk in &self.ramdisks {
            writer = writer.ramdisk(|out| out.write_all(ramdisk)).unwrap();
        }
        writer.finish(None).unwrap()
    }
}

fn content(mut file: &File, section: &Section) -> Vec<u8> {
    file.seek(SeekFrom::Start(section.offset)).unwrap();
    let mut content = Vec::new();
    file.take(section.size).read_to_end(&mut content).unwrap();
    content
}

/// The same kernel and ramdisks with another command line.
pub(crate) fn with_command_line(image: &Path, command_line: &str, path: &Path) {
    Parts { command_line: command_line.into(), ..Parts::of(image) }.write(path);
}

/// The same files with other settings of the runtime, which come after those that were there.
pub(crate) fn with_settings(image: &Path, settings: &str, path: &Path) {
    let mut parts = Parts::of(image);
    let mut tree = Tree::new();
    tree.directory("cape", 0o755).unwrap();
    tree.file("cape/settings.toml", 0o600, Content::Bytes(settings.into())).unwrap();
    tree.write(&mut parts.ramdisks[0]).unwrap();
    parts.write(path);
}

/// The platform of an image, beside one file that means nothing to it: it comes as far as being told what to
/// do, and starts sooner than with Python.
pub(crate) fn of_platform(image: &Path, path: &Path, file: &[u8]) {
    let mut parts = Parts::of(image);
    parts.ramdisks[1] = with_one_file(0o644, Content::Bytes(file.into()));
    parts.write(path);
}

/// The kernel of an image, with a text in the place of settings, and the probe as the one file of the second
/// ramdisk.
pub(crate) fn of_program_in_settings(image: &Path, path: &Path, text: &str) {
    let mut parts = Parts::of(image);
    let mut tree = Tree::new();
    for directory in ["cape", "dev", "proc"] {
        tree.directory(directory, 0o755).unwrap();
    }
    tree.file("cape/settings.toml", 0o600, Content::Bytes(text.into())).unwrap();
    tree.character_device("dev/console", 0o600, Device::CONSOLE).unwrap();
    parts.ramdisks[0].clear();
    tree.write(&mut parts.ramdisks[0]).unwrap();
    parts.ramdisks[1] = with_one_file(0o755, Content::File(environment::probe()));
    parts.write(path);
}

/// A second ramdisk.
fn with_one_file(permissions: u16, content: Content) -> Vec<u8> {
    let mut tree = Tree::new();
    tree.directory("rootfs", 0o755).unwrap();
    tree.file("rootfs/file", permissions, content).unwrap();
    tree.file("unpacked", 0o444, Content::Bytes(b"all\n".to_vec())).unwrap();
    let mut ramdisk = Vec::new();
    tree.write(&mut ramdisk).unwrap();
    ramdisk
}

/// What an image's measurements are, as it was written.
pub(crate) fn measurements(image: &Path) -> Measurements {
    Image::read(File::open(image).unwrap()).unwrap().measurements().clone()
}

fn new_file(path: &Path) -> File {
    File::options().read(true).write(true).create_new(true).open(path).unwrap()
}

fn description(command_line: &str) -> Description {
    Description {
        architecture: Architecture::X86_64,
        default_memory: 512 * MEBIBYTE,
        default_cpus: 2,
        command_line: command_line.parse().unwrap(),
        metadata: Metadata {
            image_name: "test".into(),
            image_version: "1".into(),
            build_metadata: BuildMetadata {
                build_time: "1970-01-01T00:00:00Z".into(),
                build_tool: "test".into(),
                build_tool_version: "1".into(),
                operating_system: "Linux".into(),
                kernel_version: "1".into(),
                other: Map::new(),
            },
            docker_info: Value::Null,
            custom_metadata: Value::Null,
            other: Map::new(),
        },
    }
}
