//! Operands that are attached to their letter, as nsenter takes them: `-n/run/netns/blue`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// These arguments, with a FILE or DIR that is attached to a letter (`-n/run/netns/blue`, as for nsenter) made `-n=...`: clap
/// would take it for further letters.
pub(crate) fn detach(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let mut is_operand = true;
    for argument in &mut arguments {
        let is_option = argument.as_bytes().starts_with(b"-");
        // The first word that belongs to no option is the command: what follows are its own arguments.
        if !is_option && !is_operand || argument == "--" {
            break;
        }
        is_operand = is_option && takes_next(argument.as_bytes());
        *argument = attach(std::mem::take(argument));
    }
    arguments
}

/// Whether the operand of this option is the next argument.
fn takes_next(option: &[u8]) -> bool {
    match option {
        // The beginning of one will do, but `--net` is an option of its own.
        [b'-', b'-', word @ ..] => {
            let options = [&b"target"[..], b"setuid", b"setgid", b"net-socket", b"set", b"record"];
            word != b"net" && options.iter().any(|option| option.starts_with(word))
        }
        // Behind one of these letters, or a `=`, all that is left of the word is its operand.
        [b'-', letters @ .., last] => {
            b"tSGN".contains(last)
                && letters.iter().all(|letter| letter.is_ascii_alphabetic() && !b"tSGNW".contains(letter))
        }
        _ => false,
    }
}

fn attach(argument: OsString) -> OsString {
    match argument.as_bytes() {
        // No letter can follow: it took such an operand before this was optional.
        [b'-', b'W', first, rest @ ..] if *first != b'=' => OsString::from_vec([b"-W=", &[*first][..], rest].concat()),
        [b'-', letter, first @ (b'/' | b'.'), rest @ ..] if b"muinpCUTrw".contains(letter) => {
            OsString::from_vec([&[b'-', *letter, b'=', *first], rest].concat())
        }
        _ => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_own_words_are_left_alone() {
        for (line, expected) in [
            ("-n/run/netns/client tar -C/tmp -r/x", "-n=/run/netns/client tar -C/tmp -r/x"),
            ("-n=/run/netns/client ssh -i/root/key", "-n=/run/netns/client ssh -i/root/key"),
            ("-t 1 -u -Sroot echo -n/x", "-t 1 -u -Sroot echo -n/x"),
            ("-t1 -r/mnt/root echo -r/x", "-t1 -r=/mnt/root echo -r/x"),
            ("-nt 1 -w/tmp echo -w/x", "-nt 1 -w=/tmp echo -w/x"),
            ("-S 0 -w/tmp echo -w/x", "-S 0 -w=/tmp echo -w/x"),
            ("--record r.json -a -w/tmp pwd -w/x", "--record r.json -a -w=/tmp pwd -w/x"),
            ("--net -w/tmp -- echo -w/x", "--net -w=/tmp -- echo -w/x"),
        ] {
            let words = detach(line.split(' ').map(OsString::from).collect());
            assert_eq!(words, expected.split(' ').map(OsString::from).collect::<Vec<_>>(), "{line}");
        }
    }

    #[test]
    fn a_file_may_hang_on_its_letter() {
        let attached = |text: &str| attach(text.into()).into_string().unwrap();
        assert_eq!(attached("-n/run/netns/x"), "-n=/run/netns/x");
        assert_eq!(attached("-r."), "-r=.");
        assert_eq!([attached("-Wtmp/.."), attached("-W=tmp"), attached("-W")], ["-W=tmp/..", "-W=tmp", "-W"]);
        assert_eq!(attached("-nm"), "-nm");
        assert_eq!(attached("-t42"), "-t42");
    }
}
