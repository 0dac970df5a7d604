//! What the frames carry, typed (docs/spec/session.md, "Frames"): CBOR maps with integer keys, in
//! the deterministic form.

mod close;
mod describe;
mod end;
mod error_message;
mod key;
mod map;
mod open;
mod salts;

pub use describe::{DescribeAnswer, PresentState};
pub use end::{Answer, End, Usage};
pub use error_message::ErrorMessage;
pub use key::{KeyAnswer, KeyRequest};
pub use map::ContentError;
pub use open::{Open, Options, Request};
pub use salts::Salts;

pub(super) use close::{decode_close, encode_close};
pub(super) use end::{AnswerForm, EMPTY, expect_empty};
pub(super) use map::{MapWriter, UnknownKeys, read_content, read_map, required};
