use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an image's maker says about it. Nothing of it is measured, so that anybody may have written
/// it: it is for people, and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metadata {
    /// The image's name.
    pub image_name: String,
    /// The image's version.
    pub image_version: String,
    /// How it was built.
    pub build_metadata: BuildMetadata,
    /// What Docker said about the container that the image was made of; null without one.
    pub docker_info: Value,
    /// Anything that the maker wanted to add.
    pub custom_metadata: Value,
    /// Fields of other tools, which are kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How an image was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BuildMetadata {
    /// When, in RFC 3339.
    pub build_time: String,
    /// The tool's name.
    pub build_tool: String,
    /// The tool's version.
    pub build_tool_version: String,
    /// What the kernel belongs to: `Linux`.
    pub operating_system: String,
    /// The kernel's version.
    pub kernel_version: String,
    /// Fields of other tools, which are kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Metadata {
    /// The most bytes that they may have.
    pub const MAX_BYTES: u64 = 1 << 20;

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MetadataDefect> {
        serde_json::from_slice(bytes).map_err(|error| MetadataDefect {
            line: error.line(),
            column: error.column(),
            message: printable(&error.to_string()),
        })
    }
}

/// Why bytes are not an image's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataDefect {
    /// The line where it was noticed, from 1.
    pub line: usize,
    /// The column in that line, from 1.
    pub column: usize,
    /// What is wrong, with the place.
    pub message: String,
}

impl fmt::Display for MetadataDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for MetadataDefect {}

/// The beginning of a message, which may quote a stranger's text.
fn printable(message: &str) -> String {
    message.chars().take(200).filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"ImageName":"a","ImageVersion":"1","BuildMetadata":{"BuildTime":"t","BuildTool":"b",
        "BuildToolVersion":"2","OperatingSystem":"Linux","KernelVersion":"6.12","Host":"h"},
        "DockerInfo":null,"CustomMetadata":{"b":1,"a":2},"License":["MIT"]}"#;

    #[test]
    fn fields_of_other_tools_are_kept() {
        let metadata = Metadata::parse(WHOLE.as_bytes()).unwrap();
        assert_eq!(metadata.build_metadata.kernel_version, "6.12");
        assert_eq!(metadata.build_metadata.other["Host"], "h");
        assert_eq!(metadata.other["License"][0], "MIT");
        let written = serde_json::to_vec(&metadata).unwrap();
        assert_eq!(Metadata::parse(&written).unwrap(), metadata);
    }

    #[test]
    fn a_field_that_is_missing_or_given_twice_is_told_with_its_place() {
        let missing = Metadata::parse(WHOLE.replace("DockerInfo", "Docker").as_bytes()).unwrap_err();
        assert_eq!((missing.line, missing.column), (3, 71));
        assert_eq!(missing.message, "missing field `DockerInfo` at line 3 column 71");
        let twice = WHOLE.replace("License", "ImageName");
        assert!(Metadata::parse(twice.as_bytes()).unwrap_err().message.starts_with("duplicate field"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = WHOLE.replace("[\"MIT\"]", &format!("{}{}", "[".repeat(4000), "]".repeat(4000)));
        assert!(Metadata::parse(deep.as_bytes()).unwrap_err().message.starts_with("recursion limit"));
    }
}
