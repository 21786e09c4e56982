//! The modules of a crate, and what each of them imports: read from its `use`s and paths, as the compiler would.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Ident, Item, ItemMod, ItemUse, Lit, Macro, Meta, UseTree, Visibility};

/// A module, by its path from the root of its crate, which has none.
pub(super) type ModulePath = Vec<String>;

/// The modules of a crate, each in a file of its own.
pub(super) struct Modules {
    files: BTreeMap<ModulePath, PathBuf>,
    /// Each path to something, with the module in which it stands. Those to other crates lead nowhere.
    mentions: Vec<(ModulePath, ModulePath)>,
    /// Where what a module gives on by `pub use` comes from.
    given_on: HashMap<ModulePath, ModulePath>,
}

impl Modules {
    /// Reads a crate from its root file on.
    pub(super) fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        let mut modules = Self { files: BTreeMap::new(), mentions: Vec::new(), given_on: HashMap::new() };
        let directory = root.parent().ok_or("a root without a directory")?;
        modules.read_file(root, directory, &[])?;
        Ok(modules)
    }

    fn read_file(&mut self, file: &Path, directory: &Path, path: &[String]) -> Result<(), Box<dyn Error>> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut reader = Reader { path: path.to_vec(), children: Vec::new(), paths: Vec::new(), given_on: Vec::new() };
        reader.visit_file(&syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?);
        self.files.insert(path.to_vec(), file.to_owned());
        self.mentions.extend(reader.paths);
        self.given_on.extend(reader.given_on);
        for (child, given) in reader.children {
            let name = child.last().ok_or("a module without a name")?;
            let inner = directory.join(name);
            let file = match given {
                Some(given) => file.parent().ok_or("a file without a directory")?.join(given),
                None => [inner.with_extension("rs"), inner.join("mod.rs")]
                    .into_iter()
                    .find(|candidate| candidate.is_file())
                    .ok_or_else(|| format!("no file of module {}", child.join("::")))?,
            };
            self.read_file(&file, &inner, &child)?;
        }
        Ok(())
    }

    /// The files of all modules.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.values()
    }

    /// The modules that each module imports something from, or names in a path.
    pub(super) fn imports(&self) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
        let mut imports: BTreeMap<_, BTreeSet<_>> =
            self.files.keys().map(|path| (path.clone(), BTreeSet::new())).collect();
        for (from, mention) in &self.mentions {
            let (from, to) = (self.module_of(from), self.module_of(&self.origin(mention)));
            if from != to {
                imports.entry(from).or_default().insert(to);
            }
        }
        imports
    }

    /// Where something stands that may be named by where it is given on.
    fn origin(&self, path: &[String]) -> ModulePath {
        let mut path = path.to_vec();
        // Names that are given on in a circle do not compile.
        while let Some((end, origin)) = (1..=path.len())
            .rev()
            .filter(|end| !self.files.contains_key(&path[..*end]))
            .find_map(|end| Some((end, self.given_on.get(&path[..end])?)))
        {
            path = [origin, &path[end..]].concat();
        }
        path
    }

    /// The innermost module with a file of its own on the way to something.
    fn module_of(&self, path: &[String]) -> ModulePath {
        let end = (0..=path.len()).rev().find(|end| self.files.contains_key(&path[..*end]));
        path[..end.unwrap_or(0)].to_vec()
    }
}

/// Reads one file.
struct Reader {
    /// The module that is being read, which may be one within another.
    path: ModulePath,
    /// The modules that have files of their own, and where these are said to be.
    children: Vec<(ModulePath, Option<String>)>,
    paths: Vec<(ModulePath, ModulePath)>,
    given_on: Vec<(ModulePath, ModulePath)>,
}

impl Reader {
    /// The path from the crate's root, of one that is written in this module. One that begins with a name may begin with that of a
    /// child.
    fn absolute(&self, segments: &[String]) -> ModulePath {
        let supers = segments.iter().take_while(|segment| *segment == "super").count();
        match segments.first().map(String::as_str) {
            Some("crate") => segments[1..].to_vec(),
            Some("self") => [&self.path, &segments[1..]].concat(),
            _ => [&self.path[..self.path.len().saturating_sub(supers)], &segments[supers..]].concat(),
        }
    }

    fn mention(&mut self, segments: &[String]) {
        self.paths.push((self.path.clone(), self.absolute(segments)));
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            _ => &Vec::new(),
        };
        // Tests may look at what is above them.
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.path.push(module.ident.to_string());
        match module.content {
            Some(_) => visit::visit_item_mod(self, module),
            None => self.children.push((self.path.clone(), module.attrs.iter().find_map(given_path))),
        }
        self.path.pop();
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, name) in leaves {
            if matches!(item.vis, Visibility::Inherited) {
                self.mention(&path);
            } else {
                let given = [&self.path[..], &[name]].concat();
                self.given_on.push((given, self.absolute(&path)));
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        // A word alone is a name in this file, or was imported by a `use`.
        if path.segments.len() > 1 {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.mention(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'a Macro) {
        // What a macro makes of its words is its own affair, but these are paths in all that we use.
        let words = invoked.tokens.to_string().replace(" :: ", "::");
        for word in words.split(|c: char| !(c.is_alphanumeric() || "_:".contains(c))).filter(|word| word.contains("::"))
        {
            let segments: Vec<_> = word.split("::").map(str::to_owned).collect();
            self.mention(&segments);
        }
        visit::visit_macro(self, invoked);
    }
}

/// Whether it stands before what only tests have.
fn is_for_tests(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string().starts_with("test"))
}

/// The file that `#[path = ".."]` names.
fn given_path(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Each path of a `use`, with the name that it gives.
fn flatten(tree: &UseTree, prefix: &mut Vec<String>, leaves: &mut Vec<(ModulePath, String)>) {
    let mut leaf = |ident: &Ident, name: &Ident| {
        let own = (ident != "self").then(|| ident.to_string());
        leaves.push((prefix.iter().cloned().chain(own).collect(), name.to_string()));
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Name(name) => leaf(&name.ident, &name.ident),
        UseTree::Rename(rename) => leaf(&rename.ident, &rename.rename),
        UseTree::Glob(_) => leaves.push((prefix.clone(), "*".to_owned())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, leaves)),
    }
}
