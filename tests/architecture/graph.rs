//! Which source file uses items of which other: read with `syn` from the sources, without their tests.
//!
//! An item counts for the file that defines it, also when it is used through a `pub use` elsewhere. A module
//! does not use its children by declaring and re-exporting them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Where a module or an item is: `["tmux", "name", "SessionName"]` for `muxview::tmux::ids::SessionName`.
pub(crate) type Place = Vec<String>;

/// How many re-exports may lead from a name to its definition.
const REEXPORTS: usize = 16;

/// One source file.
pub(crate) struct Module {
    pub(crate) place: Place,
    pub(crate) file: PathBuf,
    /// Paths of other crates, as written: `tokio::time::sleep`.
    pub(crate) external: BTreeSet<String>,
    /// Attributes of the whole file, as written.
    pub(crate) attributes: Vec<String>,
    items: BTreeSet<String>,
    /// What names of this module stand for.
    imports: HashMap<String, Place>,
    globs: Vec<Place>,
    /// Everything that is named, resolved against the imports.
    named: BTreeSet<Place>,
}

/// All source files of the library.
pub(crate) struct Graph {
    pub(crate) modules: BTreeMap<Place, Module>,
}

impl Graph {
    /// Reads the crate whose root file this is.
    pub(crate) fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_module(
            root,
            Vec::new(),
            root.parent().expect("a folder"),
            &mut modules,
        );
        Self { modules }
    }

    /// For each module the modules whose items it uses.
    pub(crate) fn uses(&self) -> BTreeMap<&Place, BTreeSet<&Place>> {
        let uses = |module: &Module| {
            let named = module.named.iter();
            named
                .filter_map(|place| self.definition(place, REEXPORTS))
                .filter(|used| **used != module.place)
                .collect()
        };
        let all = self.modules.iter();
        all.map(|(place, module)| (place, uses(module))).collect()
    }

    /// The module that defines what is at `place`; none for a module itself and for other crates.
    fn definition(&self, place: &[String], left: usize) -> Option<&Place> {
        let depth = (0..=place.len())
            .rev()
            .find(|depth| self.modules.contains_key(&place[..*depth]))?;
        let (at, module) = self.modules.get_key_value(&place[..depth])?;
        let rest = &place[depth..];
        let (name, after) = rest.split_first()?;
        if module.items.contains(name) {
            return Some(at);
        }
        let left = left.checked_sub(1)?;
        if let Some(target) = module.imports.get(name) {
            let target = [target.as_slice(), after].concat();
            return self.definition(&target, left);
        }
        let mut globs = module.globs.iter();
        globs.find_map(|glob| self.definition(&[glob.as_slice(), rest].concat(), left))
    }

    /// Groups of files that use one another in a circle.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let uses = self.uses();
        let reach = |from: &Place| {
            let mut seen = BTreeSet::new();
            let mut todo: Vec<&Place> = uses[from].iter().copied().collect();
            while let Some(next) = todo.pop() {
                if seen.insert(next) {
                    todo.extend(&uses[next]);
                }
            }
            seen
        };
        let reached: BTreeMap<&Place, BTreeSet<&Place>> =
            uses.keys().map(|place| (*place, reach(place))).collect();
        let circle = |place: &Place| -> Vec<String> {
            let all = reached[place].iter();
            all.filter(|other| reached[**other].contains(place))
                .map(|other| name(other))
                .collect()
        };
        let circles: BTreeSet<Vec<String>> = reached
            .keys()
            .map(|place| circle(place))
            .filter(|circle| circle.len() > 1)
            .collect();
        circles.into_iter().collect()
    }
}

/// `tmux::name`; `crate` for the root.
pub(crate) fn name(place: &[String]) -> String {
    if place.is_empty() {
        "crate".to_owned()
    } else {
        place.join("::")
    }
}

fn read_module(file: &Path, place: Place, folder: &Path, modules: &mut BTreeMap<Place, Module>) {
    let text =
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut children = BTreeSet::new();
    let mut items = BTreeSet::new();
    for item in &parsed.items {
        match item {
            syn::Item::Mod(module) if module.content.is_none() && !is_test(&module.attrs) => {
                children.insert(module.ident.to_string());
            }
            other => items.extend(defined(other)),
        }
    }
    let mut reader = Reader {
        place: &place,
        children: &children,
        imports: HashMap::new(),
        globs: Vec::new(),
        named: BTreeSet::new(),
        external: BTreeSet::new(),
        reexports: false,
    };
    for item in &parsed.items {
        if let syn::Item::Use(one) = item
            && !is_test(&one.attrs)
        {
            reader.reexports = !matches!(one.vis, syn::Visibility::Inherited);
            reader.import(&one.tree, &mut Vec::new());
        }
    }
    reader.visit_file(&parsed);
    let Reader {
        imports,
        globs,
        named,
        external,
        ..
    } = reader;
    for child in &children {
        let inside = folder.join(child);
        let beside = folder.join(format!("{child}.rs"));
        let file = if beside.is_file() {
            beside
        } else {
            inside.join("mod.rs")
        };
        let place = [place.as_slice(), std::slice::from_ref(child)].concat();
        read_module(&file, place, &inside, modules);
    }
    let attributes = parsed.attrs.iter().map(text_of).collect();
    modules.insert(
        place.clone(),
        Module {
            place,
            file: file.to_owned(),
            external,
            attributes,
            items,
            imports,
            globs,
            named,
        },
    );
}

fn text_of(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

/// `#[cfg(test)]` and `#[test]`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| matches!(text_of(attribute).as_str(), "#[cfg(test)]" | "#[test]"))
}

/// The names that an item defines in its module.
fn defined(item: &syn::Item) -> Option<String> {
    Some(match item {
        syn::Item::Const(it) => it.ident.to_string(),
        syn::Item::Enum(it) => it.ident.to_string(),
        syn::Item::Fn(it) => it.sig.ident.to_string(),
        syn::Item::Static(it) => it.ident.to_string(),
        syn::Item::Struct(it) => it.ident.to_string(),
        syn::Item::Trait(it) => it.ident.to_string(),
        syn::Item::Type(it) => it.ident.to_string(),
        syn::Item::Macro(it) => it.ident.as_ref()?.to_string(),
        syn::Item::Mod(it) => it.ident.to_string(),
        _ => return None,
    })
}

struct Reader<'a> {
    place: &'a Place,
    children: &'a BTreeSet<String>,
    imports: HashMap<String, Place>,
    globs: Vec<Place>,
    named: BTreeSet<Place>,
    external: BTreeSet<String>,
    /// Whether the `use` that is read is a `pub use`.
    reexports: bool,
}

impl Reader<'_> {
    /// Takes in a `use`.
    fn import(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before);
                }
            }
            syn::UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.import_as(before, &name, &name);
            }
            syn::UseTree::Rename(name) => {
                self.import_as(before, &name.ident.to_string(), &name.rename.to_string());
            }
            syn::UseTree::Glob(_) => match self.resolve(before) {
                Some(place) => self.globs.push(place),
                None => self.note_external(before),
            },
        }
    }

    fn import_as(&mut self, before: &[String], name: &str, called: &str) {
        let mut path = before.to_vec();
        let called = if name == "self" {
            before.last().map_or(called, String::as_str)
        } else {
            called
        };
        if name != "self" {
            path.push(name.to_owned());
        }
        match self.resolve(&path) {
            Some(place) => {
                if !self.reexports {
                    self.named.insert(place.clone());
                }
                self.imports.insert(called.to_owned(), place);
            }
            None => self.note_external(&path),
        }
    }

    fn note_external(&mut self, path: &[String]) {
        self.external.insert(path.join("::"));
    }

    /// Takes in a path in the code.
    fn name(&mut self, path: &[String]) {
        match self.resolve(path) {
            Some(place) => {
                self.named.insert(place);
            }
            None if path.len() > 1 => self.note_external(path),
            None => {}
        }
    }

    /// Where in this crate a path leads.
    fn resolve(&self, path: &[String]) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.place.as_slice(), rest].concat()),
            "super" => {
                let above = rest.iter().take_while(|word| *word == "super").count();
                let kept = self.place.len().checked_sub(above + 1)?;
                Some([&self.place[..kept], &rest[above..]].concat())
            }
            name => match self.imports.get(name) {
                Some(place) => Some([place.as_slice(), rest].concat()),
                None if self.children.contains(name) => {
                    Some([self.place.as_slice(), path].concat())
                }
                None => None,
            },
        }
    }

    /// Paths in what a macro is given.
    fn read_tokens(&mut self, tokens: proc_macro2::TokenStream) {
        use proc_macro2::TokenTree;
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.name(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.name(&std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.read_tokens(group.stream());
                    }
                }
            }
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Const(it) => &it.attrs,
            syn::Item::Enum(it) => &it.attrs,
            syn::Item::Fn(it) => &it.attrs,
            syn::Item::Impl(it) => &it.attrs,
            syn::Item::Mod(it) => &it.attrs,
            syn::Item::Static(it) => &it.attrs,
            syn::Item::Struct(it) => &it.attrs,
            // Read before.
            syn::Item::Use(_) => return,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.name(&words);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        self.visit_path(&it.path);
        self.read_tokens(it.tokens.clone());
    }
}
