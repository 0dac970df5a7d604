use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, File, ImplItem, Item, ItemImpl, ItemMacro, ItemMod, Type, UseTree, Visibility};

/// A crate's source, by module.
pub(crate) struct Crate {
    name: String,
    modules: BTreeMap<Vec<String>, File>,
}

/// What a name of a module stands for.
struct Found<'a> {
    /// The module that it is declared in.
    module: &'a [String],
    item: &'a Item,
}

impl Crate {
    /// Reads the module in `folder/lib.rs` and all below it, but for tests.
    pub(crate) fn read(name: &str, folder: &Path) -> Self {
        let mut this = Self { name: name.to_owned(), modules: BTreeMap::new() };
        this.read_module(Vec::new(), &folder.join("lib.rs"), folder);
        this
    }

    fn read_module(&mut self, path: Vec<String>, file: &Path, folder: &Path) {
        let parsed = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        for item in &parsed.items {
            let Item::Mod(ItemMod { ident, content: None, attrs, .. }) = item else { continue };
            if is_for_tests(attrs) {
                continue;
            }
            let below = folder.join(ident.to_string());
            let file = file_of(&below);
            self.read_module([path.as_slice(), &[ident.to_string()]].concat(), &file, &below);
        }
        self.modules.insert(path, parsed);
    }

    /// Every public module, its items in alphabetical order.
    pub(crate) fn surface(&self) -> String {
        let modules = self.public_modules();
        let texts = modules.iter().map(|path| {
            let name = [std::slice::from_ref(&self.name), path.as_slice()].concat().join("::");
            let items = self.public_items(path);
            let texts: Vec<_> = items.iter().map(|(name, found)| self.text(name, found)).collect();
            format!("// {name}\n\n{}", texts.join("\n"))
        });
        texts.collect::<Vec<_>>().join("\n\n")
    }

    /// The types with `Debug` or `Display`, as `module::Name`.
    pub(crate) fn printed_types(&self) -> Vec<String> {
        let mut names = Vec::new();
        for path in self.public_modules() {
            for (name, found) in self.public_items(&path) {
                let Some(Found { item, module }) = found else { continue };
                let derives = match item {
                    Item::Struct(syn::ItemStruct { attrs, .. }) | Item::Enum(syn::ItemEnum { attrs, .. }) => {
                        attrs.iter().any(|attribute| text_of(attribute).contains("Debug"))
                    }
                    Item::Macro(invocation) => self
                        .rules_of(invocation, module)
                        .is_some_and(|rules| text_of(rules).contains("Debug")),
                    _ => continue,
                };
                let implements = self.implementations(&name, module).iter().any(|implementation| {
                    let name =
                        implementation.trait_.as_ref().map(|(_, path, _)| text_of(path)).unwrap_or_default();
                    name.ends_with("Debug") || name.ends_with("Display")
                });
                if derives || implements {
                    names.push(format!("{}::{name}", path.join("::")));
                }
            }
        }
        names
    }

    fn public_modules(&self) -> Vec<Vec<String>> {
        let is_public = |path: &&Vec<String>| {
            (1..=path.len()).all(|length| {
                let (name, parent) = path[..length].split_last().unwrap();
                self.modules[parent].items.iter().any(|item| {
                    matches!(item, Item::Mod(module) if module.ident == *name && is_public(&module.vis))
                })
            })
        };
        self.modules.keys().filter(is_public).cloned().collect()
    }

    /// The names that a module offers, but for modules; `None` for one of another crate.
    fn public_items<'a>(&'a self, module: &'a [String]) -> BTreeMap<String, Option<Found<'a>>> {
        let mut names = BTreeMap::new();
        for item in &self.modules[module].items {
            match item {
                Item::Use(item) if is_public(&item.vis) => {
                    for (path, name) in leaves(&item.tree, &[]) {
                        names.insert(name, self.find(module, &path));
                    }
                }
                Item::Mod(_) => {}
                item => {
                    if let Some((visibility, name)) = declared(item)
                        && is_public(visibility)
                    {
                        names.insert(name, Some(Found { module, item }));
                    }
                }
            }
        }
        names
    }

    /// Follows a path from a module, through what is used there, to where the name is declared.
    fn find<'a>(&'a self, from: &'a [String], path: &[String]) -> Option<Found<'a>> {
        let (name, way) = path.split_last()?;
        let module = [from, way].concat();
        let (module, file) = self.modules.get_key_value(&module)?;
        for item in &file.items {
            if let Some((_, declared)) = declared(item)
                && declared == *name
            {
                return Some(Found { module, item });
            }
            if let Item::Use(item) = item {
                let used = leaves(&item.tree, &[]).into_iter().find(|(_, used)| used == name);
                if let Some(found) = used.and_then(|(path, _)| self.find(module, &path)) {
                    return Some(found);
                }
            }
        }
        let made = file.items.iter().find(|item| self.makes(item, module, name))?;
        Some(Found { module, item: made })
    }

    /// Whether a macro's invocation makes an item of this name: its rules or what they are given have it. What
    /// a macro makes is shown as these two.
    fn makes(&self, item: &Item, module: &[String], name: &str) -> bool {
        let Item::Macro(invocation) = item else { return false };
        let Some(rules) = self.rules_of(invocation, module) else { return false };
        let has = |item: &ItemMacro| {
            let tokens = item.mac.tokens.to_string();
            tokens.split(|symbol: char| !symbol.is_alphanumeric() && symbol != '_').any(|word| word == name)
        };
        invocation.ident.is_none() && (has(rules) || has(invocation))
    }

    /// The macro that an invocation in `module` is of.
    fn rules_of<'a>(&'a self, invocation: &ItemMacro, module: &[String]) -> Option<&'a ItemMacro> {
        self.modules[module].items.iter().find_map(|item| match item {
            Item::Macro(rules) if rules.ident.as_ref() == invocation.mac.path.get_ident() => Some(rules),
            _ => None,
        })
    }

    fn text(&self, name: &str, found: &Option<Found<'_>>) -> String {
        let Some(Found { module, item }) = found else {
            return format!("use {name}; // of another crate\n");
        };
        let (made, mut items) = match item {
            Item::Macro(invocation) => {
                let rules = self.rules_of(invocation, module).unwrap();
                (line_by_line(rules) + &line_by_line(invocation), Vec::new())
            }
            item => (String::new(), vec![without_private_parts((*item).clone())]),
        };
        if matches!(item, Item::Struct(_) | Item::Enum(_) | Item::Macro(_)) {
            let implementations = self.implementations(name, module).into_iter().map(public_part);
            items.extend(implementations.flatten().map(Item::Impl));
        }
        made + &prettyplease::unparse(&File { shebang: None, attrs: Vec::new(), items })
    }

    /// The `impl` blocks of a type, wherever in its top module they stand.
    fn implementations(&self, name: &str, module: &[String]) -> Vec<&ItemImpl> {
        let files = self.modules.iter().filter(|(path, _)| path.first() == module.first());
        let items = files.flat_map(|(_, file)| &file.items);
        let mut implementations: Vec<_> = items
            .filter_map(|item| match item {
                Item::Impl(item) if type_name(&item.self_ty).as_deref() == Some(name) => Some(item),
                _ => None,
            })
            .collect();
        implementations.sort_by_key(|item| item.trait_.as_ref().map(|(_, path, _)| text_of(path)));
        implementations
    }
}

/// A macro's tokens, of which nobody knows where a line ends but at a semicolon.
fn line_by_line(item: &ItemMacro) -> String {
    format!("{}\n", text_of(item).replace("; ", ";\n"))
}

fn file_of(module: &Path) -> PathBuf {
    let file = module.with_extension("rs");
    if file.exists() { file } else { module.join("mod.rs") }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| text_of(attribute) == "# [cfg (test)]")
}

fn text_of(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

fn type_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

fn declared(item: &Item) -> Option<(&Visibility, String)> {
    Some(match item {
        Item::Const(item) => (&item.vis, item.ident.to_string()),
        Item::Enum(item) => (&item.vis, item.ident.to_string()),
        Item::Fn(item) => (&item.vis, item.sig.ident.to_string()),
        Item::Static(item) => (&item.vis, item.ident.to_string()),
        Item::Struct(item) => (&item.vis, item.ident.to_string()),
        Item::Trait(item) => (&item.vis, item.ident.to_string()),
        Item::Type(item) => (&item.vis, item.ident.to_string()),
        _ => return None,
    })
}

/// The paths that a `use` names, each with the name it has from then on.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(Vec<String>, String)> {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) if path.ident == "self" || path.ident == "super" || path.ident == "crate" => {
            Vec::new()
        }
        UseTree::Path(path) => leaves(&path.tree, &with(&path.ident)),
        UseTree::Name(name) => vec![(with(&name.ident), name.ident.to_string())],
        UseTree::Rename(rename) => vec![(with(&rename.ident), rename.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
        UseTree::Glob(_) => panic!("a glob hides what is public"),
    }
}

/// The item without documentation, bodies and private fields.
fn without_private_parts(mut item: Item) -> Item {
    match &mut item {
        Item::Const(item) => {
            keep_derives(&mut item.attrs);
            // The value is what users compile against.
        }
        Item::Enum(item) => {
            keep_derives(&mut item.attrs);
            for variant in &mut item.variants {
                variant.attrs.clear();
                variant.fields.iter_mut().for_each(|field| field.attrs.clear());
            }
        }
        Item::Fn(item) => {
            keep_derives(&mut item.attrs);
            item.block.stmts.clear();
        }
        Item::Struct(item) => {
            keep_derives(&mut item.attrs);
            item.fields.iter_mut().for_each(|field| field.attrs.clear());
            if let syn::Fields::Named(fields) = &mut item.fields {
                fields.named = std::mem::take(&mut fields.named)
                    .into_iter()
                    .filter(|field| is_public(&field.vis))
                    .collect();
            } else if item.fields.iter().any(|field| !is_public(&field.vis)) {
                item.fields = syn::Fields::Unit;
            }
        }
        Item::Trait(item) => {
            keep_derives(&mut item.attrs);
            for item in &mut item.items {
                match item {
                    syn::TraitItem::Const(item) => item.attrs.clear(),
                    syn::TraitItem::Fn(item) => {
                        item.attrs.clear();
                        item.default.iter_mut().for_each(|body| body.stmts.clear());
                    }
                    syn::TraitItem::Type(item) => item.attrs.clear(),
                    _ => {}
                }
            }
        }
        Item::Type(item) => keep_derives(&mut item.attrs),
        Item::Static(item) => keep_derives(&mut item.attrs),
        _ => {}
    }
    item
}

fn keep_derives(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| {
        ["derive", "must_use", "non_exhaustive"].iter().any(|name| attribute.path().is_ident(name))
    });
}

/// A block's public methods, or the trait that it implements; `None` when neither is there.
fn public_part(implementation: &ItemImpl) -> Option<ItemImpl> {
    let mut implementation = implementation.clone();
    implementation.attrs.clear();
    if implementation.trait_.is_some() {
        implementation.items.clear();
        return Some(implementation);
    }
    implementation.items.retain_mut(|item| match item {
        ImplItem::Fn(method) => {
            keep_derives(&mut method.attrs);
            method.block.stmts.clear();
            is_public(&method.vis)
        }
        ImplItem::Const(constant) => {
            constant.attrs.clear();
            is_public(&constant.vis)
        }
        _ => false,
    });
    (!implementation.items.is_empty()).then_some(implementation)
}
