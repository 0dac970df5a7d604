//! What must not open, one defect a row: envelopes are forged with everything else in order, MAC
//! included, so that it is the rule in question that refuses them.

mod forge;
mod form;
mod header;
mod in_parts;
mod never_panics;
mod payload;
mod published_defects;
mod recipients;
mod recipients_changed;
mod sealing;
mod start;
mod text;
mod use_rules;
mod version_one;
