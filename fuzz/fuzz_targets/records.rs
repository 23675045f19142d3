#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| linkrelay_properties::records::check(input));
