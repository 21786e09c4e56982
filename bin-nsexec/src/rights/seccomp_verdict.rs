//! What a seccomp filter says to a system call: enough of `seccomp(2)`'s virtual machine for what programs generate.

use crate::sys::seccomp::{Filter, Instruction};

/// A system call as a filter sees it: `struct seccomp_data` of linux/seccomp.h, in words of 32 bits, as far as we know them
/// beforehand. A filter that asks for more could say one thing now, and another then.
pub(crate) struct SystemCall([Option<u32>; 16]);

/// `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_AARCH64` of linux/audit.h.
const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };

/// `SECCOMP_RET_ALLOW`, `SECCOMP_RET_LOG` and `SECCOMP_RET_ACTION_FULL` of linux/seccomp.h.
const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const ACTION: u32 = 0xffff_0000;

impl SystemCall {
    /// That of this number, with these arguments as the first ones; `None` is one that is not known, such as an address.
    pub(crate) fn new(number: i64, arguments: &[Option<u64>]) -> Self {
        let mut words = [None; 16];
        words[0] = Some(low(number.cast_unsigned()));
        words[1] = Some(ARCHITECTURE);
        for (place, argument) in words[4..].chunks_exact_mut(2).zip(arguments) {
            let halves = argument.map_or([None; 2], |argument| [Some(low(argument)), Some(low(argument >> 32))]);
            place.copy_from_slice(&if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] });
        }
        Self(words)
    }
}

fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// Whether a filter lets a system call happen; `false` also if it does what we do not follow.
pub(crate) fn allows(filter: &Filter, call: &SystemCall) -> bool {
    verdict(&filter.program, call).is_some_and(|verdict| matches!(verdict & ACTION, ALLOW | LOG))
}

fn verdict(program: &[Instruction], call: &SystemCall) -> Option<u32> {
    let (mut at, mut value) = (0, 0);
    // Jumps lead forward only.
    loop {
        let Instruction { code, jump_true, jump_false, operand } = *program.get(at)?;
        at += 1;
        let is_true = match code {
            // BPF_LD | BPF_W | BPF_ABS
            0x20 => {
                value = (*call.0.get(usize::try_from(operand / 4).ok()?)?)?;
                continue;
            }
            // BPF_ALU | BPF_AND | BPF_K
            0x54 => {
                value &= operand;
                continue;
            }
            // BPF_JMP | BPF_JA
            0x05 => {
                at += usize::try_from(operand).ok()?;
                continue;
            }
            // BPF_RET | BPF_K
            0x06 => return Some(operand),
            // BPF_JMP | BPF_K: BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET
            0x15 => value == operand,
            0x25 => value > operand,
            0x35 => value >= operand,
            0x45 => value & operand != 0,
            _ => return None,
        };
        at += usize::from(if is_true { jump_true } else { jump_false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(program: &[(u16, u8, u8, u32)]) -> Filter {
        let instruction =
            |&(code, jump_true, jump_false, operand)| Instruction { code, jump_true, jump_false, operand };
        Filter { flags: 0, program: program.iter().map(instruction).collect() }
    }

    #[test]
    fn a_filter_of_numbers_and_arguments() {
        // Calls up to 40 but for 7, and 50 where the second argument has bit 33 but not bit 32.
        let program = filter(&[
            (0x20, 0, 0, 4),
            (0x15, 0, 9, ARCHITECTURE),
            (0x20, 0, 0, 0),
            (0x15, 7, 0, 7),
            (0x15, 0, 4, 50),
            (0x20, 0, 0, if cfg!(target_endian = "little") { 28 } else { 24 }),
            (0x54, 0, 0, 3),
            (0x15, 2, 3, 2),
            (0x06, 0, 0, 0),
            (0x25, 1, 0, 40),
            (0x06, 0, 0, ALLOW),
            (0x06, 0, 0, 0x5_0001),
        ]);
        let asks = |number, second| allows(&program, &SystemCall::new(number, &[None, second]));
        assert!(asks(40, None) && asks(6, Some(2)) && asks(50, Some(0x2_0000_0001)));
        assert!(!asks(7, None) && !asks(41, None) && !asks(50, None) && !asks(50, Some(0x3_0000_0000)));
    }

    #[test]
    fn what_we_do_not_follow_is_not_allowed() {
        let call = SystemCall::new(1, &[]);
        assert!(allows(&filter(&[(0x06, 0, 0, LOG)]), &call));
        // Tracers and listeners are not ours; RET A; the instruction's address; an unknown argument; beyond the data; beyond the end.
        for odd in [
            (0x06, 0, 0, 0x7ff0_0000),
            (0x06, 0, 0, 0x7fc0_0000),
            (0x16, 0, 0, 0),
            (0x20, 0, 0, 8),
            (0x20, 0, 0, 16),
            (0x20, 0, 0, 64),
            (0x05, 0, 0, 9),
        ] {
            assert!(!allows(&filter(&[odd, (0x06, 0, 0, ALLOW)]), &call), "{odd:?}");
        }
    }
}
