//! What a viewer says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pilot_fuzz::screen::viewer(input));
