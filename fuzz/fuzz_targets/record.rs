//! Whatever a line holds: reading it ends, and a record that is read comes out as it went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nicon_core::Record;
use nicon_core::filter::stream::{Lines, MAX_LINE};

fuzz_target!(|input: &[u8]| {
    for line in Lines::new(input) {
        let Ok(text) = line.expect("memory can be read").text else { continue };
        assert!(text.len() <= MAX_LINE && !text.contains('\n'));
        let Ok(record) = Record::parse(&text) else { continue };
        for field in ["pid", "starttime", "pidfs"] {
            let _ = record.integer::<u64>(field);
            let _ = record.integer::<i32>(field);
        }
        let _ = (record.text("target"), record.integers("ns"));
        let printed = record.to_line();
        assert!(!printed.contains(char::is_control), "{printed:?}");
        let again = Record::parse(&printed).expect("what is printed can be read");
        assert_eq!(again, record);
        assert_eq!(again.to_line(), printed);
    }
});
