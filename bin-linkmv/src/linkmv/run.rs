//! The run: records in, the moves that they ask for, records out.

use nicon_core::stream::{Answers, Lines, View};
use nicon_core::table::Column;
use nicon_core::{Error, Record, Result, Status};
use nicon_linkmv::fields::label;
use nicon_linkmv::{LinkName, block_on};

use crate::args::Args;
use crate::mover::{Home, Moved};
use crate::undoing::undo;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-linkmv";

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: label },
    Column { title: "LINK", cell: |record| record.cell("link") },
    Column { title: "NAME", cell: |record| record.cell("name") },
    Column { title: "IFINDEX", cell: |record| record.cell("ifindex") },
    Column { title: "MAC", cell: |record| record.cell("mac") },
    Column { title: "CHANGED", cell: |record| record.cell("changed") },
];

/// Moves what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be moved does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, COLUMNS))?;
    block_on(async {
        let home = Home::new()?;
        if let Some(pid) = args.target {
            let mut record = Record::default();
            record.set("pid", pid);
            answers.give(None, answer(record, args, &home).await)?;
        } else {
            for line in Lines::stdin("name a link and give --target PID")? {
                let line = line?;
                let answer = match line.text.and_then(|text| Record::parse(&text)) {
                    Ok(record) => answer(record, args, &home).await,
                    Err(error) => Err(error),
                };
                answers.give(Some(line.number), answer)?;
            }
        }
        answers.finish()
    })
}

async fn answer(mut record: Record, args: &Args, home: &Home) -> Result<Record> {
    if args.undo {
        return undo(record, &home.place).await;
    }
    let (link, name) = names(&record, args)?;
    let to = home.destination(&record)?;
    let Moved { link: moved, changed, undo } = home.send(&link, &name, &to).await?;
    record.set("link", link.as_str());
    record.set("name", moved.name);
    record.set("ifindex", moved.ifindex);
    record.set("mac", moved.mac);
    record.set("changed", changed);
    record.set("undo", undo);
    Ok(record)
}

/// The link to move and the name that it gets: the operands, or the record's `link` and `name`.
fn names(record: &Record, args: &Args) -> Result<(LinkName, LinkName)> {
    let (link, name) = if let Some(link) = &args.link {
        (link.clone(), args.newname.clone())
    } else {
        let link = record.text("link")?.ok_or_else(|| Error::failed("neither LINK nor a \"link\" in the record"))?;
        (link.parse()?, record.text("name")?.map(str::parse).transpose()?)
    };
    let name = name.unwrap_or_else(|| link.clone());
    Ok((link, name))
}
