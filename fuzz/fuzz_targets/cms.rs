#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cape_properties::check("cms", data));
