//! What a folder holds once imports and references are followed. Fails closed: a value that cannot be had is an error that
//! names its secret, never a secret that is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;

use crate::domain::id::{EnvironmentUid, FolderUid, SecretUid, TenantUid};
use crate::domain::name::{FolderPath, SecretName, Slug};
use crate::domain::reference::{self, Piece, Target};
use crate::domain::{Code, Error, Result, Secret, Timestamp};
use crate::records::secrets::SecretOverview;
use crate::records::{View, environments, folders, secrets};

/// How many references may lead from one to the next, and how many imports.
pub const DEPTH_MAX: usize = 10;
/// How many secrets one resolution may hold.
pub const SECRETS_MAX: usize = 50_000;
/// How many folders one resolution may visit.
pub const FOLDERS_MAX: usize = 10_000;
/// How many references one resolution may follow: values that refer to one another in circles are expanded anew for each.
pub const REFERENCES_MAX: usize = 1_000_000;
/// The longest value that references may make of short ones, in bytes.
pub const EXPANDED_BYTES_MAX: usize = 1 << 20;
/// How many bytes of values one resolution may hold: one small value that many others repeat would else fill the memory.
pub const VALUES_BYTES_MAX: usize = 64 << 20;

/// What happens to a reference that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// The whole resolution fails, naming the secret.
    Fail,
    /// The text of the reference stays as it is.
    Literal,
}

/// A secret as it appears in a folder, its own or imported.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub overview: SecretOverview,
    /// With references followed.
    pub value: Secret<String>,
}

/// Follows imports and references at one view, and remembers every folder that the outcome rests on.
pub struct Resolver<'v> {
    view: &'v View,
    tenant: TenantUid,
    unresolved: Unresolved,
    touched: BTreeSet<FolderUid>,
    used: BTreeMap<SecretUid, (u64, Timestamp)>,
    /// Only what is the same wherever it is referred to from.
    values: HashMap<(FolderUid, SecretName), Expanded>,
    followed: usize,
    /// Bytes of values that were given out, or are kept for references to them.
    held: usize,
}

/// A value with references followed.
#[derive(Clone)]
struct Expanded {
    value: Secret<String>,
    /// Whether a reference stayed as it is because of the way that led to it: in a circle, or too long.
    is_cut: bool,
    /// How many references lead from one to the next beneath it.
    height: usize,
}

impl Expanded {
    const fn text(value: Secret<String>) -> Self {
        Self { value, is_cut: false, height: 0 }
    }
}

/// Where a reference leads.
enum Referred {
    Value(Expanded),
    Nothing,
    /// In a circle, or too far.
    Cut,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl<'v> Resolver<'v> {
    /// A resolver over one view.
    #[must_use]
    pub fn new(view: &'v View, tenant: TenantUid, unresolved: Unresolved) -> Self {
        let (touched, used, values) = (BTreeSet::new(), BTreeMap::new(), HashMap::new());
        Self { view, tenant, unresolved, touched, used, values, followed: 0, held: 0 }
    }

    /// Every folder that was looked into: a change in any of them can change the outcome.
    #[must_use]
    pub fn touched(&self) -> &BTreeSet<FolderUid> {
        &self.touched
    }

    /// Every secret whose value went into the outcome, with its version and the time of its last change.
    #[must_use]
    pub const fn used(&self) -> &BTreeMap<SecretUid, (u64, Timestamp)> {
        &self.used
    }

    /// All secrets of a folder by name: its own, else those of its imports, a later import before an earlier one.
    ///
    /// # Errors
    /// `reference_unresolved` naming the secret, `record_unreadable`, `unavailable`; never a partial answer.
    pub async fn folder(&mut self, folder: FolderUid) -> Result<Vec<Resolved>> {
        let overviews = self.overviews(folder).await?;
        let mut resolved = Vec::with_capacity(overviews.len());
        for overview in overviews.into_values() {
            let value = self.value(&overview).await?;
            resolved.push(Resolved { overview, value });
        }
        Ok(resolved)
    }

    /// As [`Resolver::folder`], without values.
    ///
    /// # Errors
    /// As [`Resolver::folder`].
    pub async fn overviews(&mut self, folder: FolderUid) -> Result<BTreeMap<SecretName, SecretOverview>> {
        let mut found = BTreeMap::new();
        for source in self.sources(folder).await? {
            let mut after = None;
            loop {
                let page = secrets::list(self.view, self.tenant, source, after.as_ref(), 1_000).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                for overview in page {
                    found.entry(overview.name.clone()).or_insert(overview);
                }
                if found.len() > SECRETS_MAX {
                    return Err(too_large("secrets", SECRETS_MAX));
                }
            }
        }
        Ok(found)
    }

    /// The value of a secret with references followed.
    ///
    /// # Errors
    /// As [`Resolver::folder`]; `invalid_request` beyond [`EXPANDED_BYTES_MAX`], [`REFERENCES_MAX`] and [`VALUES_BYTES_MAX`].
    pub async fn value(&mut self, overview: &SecretOverview) -> Result<Secret<String>> {
        let whole = self.expanded(overview, Vec::new()).await?;
        self.hold(&whole.value)?;
        Ok(whole.value)
    }

    /// The value `raw` with references followed, as if it were that of the secret `holder`.
    ///
    /// # Errors
    /// As [`Resolver::value`].
    pub async fn expand(&mut self, holder: &SecretOverview, raw: &Secret<String>) -> Result<Secret<String>> {
        let trail = [(holder.folder, holder.name.clone())];
        let whole = self.filled(raw, holder, &trail).await?;
        self.hold(&whole.value)?;
        Ok(whole.value)
    }

    /// Counts a value that is held together with those of this resolution.
    ///
    /// # Errors
    /// `invalid_request` beyond [`VALUES_BYTES_MAX`].
    pub fn hold(&mut self, value: &Secret<String>) -> Result<()> {
        self.held += value.expose().len();
        if self.held > VALUES_BYTES_MAX { Err(too_much()) } else { Ok(()) }
    }

    /// The folder and all below it, in the order of their paths.
    ///
    /// # Errors
    /// `unavailable` when the store fails, `invalid_request` beyond [`FOLDERS_MAX`].
    pub async fn tree(&mut self, root: FolderUid) -> Result<Vec<FolderUid>> {
        let mut found = Vec::new();
        let mut pending = vec![root];
        while let Some(folder) = pending.pop() {
            found.push(folder);
            self.touched.insert(folder);
            let children = folders::children(self.view, self.tenant, folder, FOLDERS_MAX).await?;
            pending.extend(children.into_iter().rev().map(|child| child.uid));
            if found.len() + pending.len() > FOLDERS_MAX {
                return Err(too_large("folders", FOLDERS_MAX));
            }
        }
        Ok(found)
    }

    /// The folder itself, then what it imports, in the order in which one wins over the next.
    pub(super) async fn sources(&mut self, folder: FolderUid) -> Result<Vec<FolderUid>> {
        let mut found = Vec::new();
        let mut pending = vec![(folder, 0)];
        while let Some((next, depth)) = pending.pop() {
            if found.contains(&next) {
                continue;
            }
            found.push(next);
            self.touched.insert(next);
            if depth < DEPTH_MAX {
                let imports = folders::imports(self.view, self.tenant, next).await?;
                pending.extend(imports.0.into_iter().map(|imported| (imported, depth + 1)));
            }
        }
        Ok(found)
    }

    pub(super) async fn find(&mut self, folder: FolderUid, name: &SecretName) -> Result<Option<SecretOverview>> {
        for source in self.sources(folder).await? {
            if let Some(found) = secrets::find(self.view, self.tenant, source, name).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn expanded<'a>(
        &'a mut self,
        overview: &'a SecretOverview,
        mut trail: Vec<(FolderUid, SecretName)>,
    ) -> Boxed<'a, Expanded> {
        Box::pin(async move {
            let place = (overview.folder, overview.name.clone());
            self.used.insert(overview.uid, (overview.version(), overview.modified_at));
            let known = self.values.get(&place).filter(|known| trail.len() + known.height < DEPTH_MAX);
            if let Some(known) = known {
                return Ok(known.clone());
            }
            let raw = self.raw(overview).await?;
            let is_referred_to = !trail.is_empty();
            trail.push(place.clone());
            let whole = self.filled(&raw, overview, &trail).await?;
            if !whole.is_cut {
                if is_referred_to {
                    self.hold(&whole.value)?;
                }
                self.values.insert(place, whole.clone());
            }
            Ok(whole)
        })
    }

    async fn filled(
        &mut self,
        raw: &Secret<String>,
        holder: &SecretOverview,
        trail: &[(FolderUid, SecretName)],
    ) -> Result<Expanded> {
        let mut whole = Expanded::text(Secret::default());
        let (mut tails, mut bytes) = (Vec::new(), 0);
        for piece in reference::pieces(raw.expose()) {
            let tail = self.expanded_piece(piece, holder, trail).await?;
            whole.is_cut |= tail.is_cut;
            whole.height = whole.height.max(tail.height);
            bytes += tail.value.expose().len();
            tails.push(tail.value);
            if bytes > EXPANDED_BYTES_MAX {
                return Err(too_long(holder));
            }
        }
        let tails: Vec<&str> = tails.iter().map(|tail| tail.expose().as_str()).collect();
        whole.value = Secret::new(tails.concat());
        Ok(whole)
    }

    async fn raw(&self, overview: &SecretOverview) -> Result<Secret<String>> {
        let missing = || Error::new(Code::RecordUnreadable, format!("the value of `{}` is missing", overview.name));
        secrets::value(self.view, self.tenant, overview.uid, overview.version()).await?.ok_or_else(missing)
    }

    async fn expanded_piece(
        &mut self,
        piece: Piece<'_>,
        holder: &SecretOverview,
        trail: &[(FolderUid, SecretName)],
    ) -> Result<Expanded> {
        match piece {
            Piece::Literal(text) => Ok(Expanded::text(Secret::from(text))),
            Piece::Escape => Ok(Expanded::text(Secret::from("${"))),
            Piece::Reference { text, target } => match (self.referred(target, holder, trail).await?, self.unresolved) {
                (Referred::Value(found), _) => Ok(Expanded { height: found.height + 1, ..found }),
                (_, Unresolved::Fail) => Err(unresolved(holder)),
                (Referred::Nothing, Unresolved::Literal) => Ok(Expanded::text(Secret::from(text))),
                (Referred::Cut, Unresolved::Literal) => {
                    Ok(Expanded { is_cut: true, ..Expanded::text(Secret::from(text)) })
                }
            },
        }
    }

    async fn referred(
        &mut self,
        target: Target,
        holder: &SecretOverview,
        trail: &[(FolderUid, SecretName)],
    ) -> Result<Referred> {
        self.followed += 1;
        if self.followed > REFERENCES_MAX {
            return Err(too_large("references", REFERENCES_MAX));
        }
        let Some((folder, name)) = self.place(target, holder.folder).await? else { return Ok(Referred::Nothing) };
        let Some(found) = self.find(folder, &name).await? else { return Ok(Referred::Nothing) };
        let place = (found.folder, found.name.clone());
        if trail.contains(&place) || trail.len() >= DEPTH_MAX {
            return Ok(Referred::Cut);
        }
        self.expanded(&found, trail.to_vec()).await.map(Referred::Value)
    }

    pub(super) async fn place(&mut self, target: Target, holder: FolderUid) -> Result<Option<(FolderUid, SecretName)>> {
        match target {
            Target::Local(name) => Ok(Some((holder, name))),
            Target::Elsewhere => Ok(None),
            Target::Absolute { environment, path, name } => {
                let Some(environment) = environments::find(self.view, self.tenant, &environment).await? else {
                    return Ok(None);
                };
                let folder = folders::walk(self.view, self.tenant, environment.root, &path).await?;
                Ok(folder.map(|folder| (folder, name)))
            }
        }
    }
}

fn unresolved(holder: &SecretOverview) -> Error {
    Error::new(
        Code::ReferenceUnresolved,
        format!(
            "the value of `{}` holds a reference that leads nowhere, in a circle, or through more than {DEPTH_MAX} others",
            holder.name
        ),
    )
}

fn too_long(holder: &SecretOverview) -> Error {
    let detail =
        format!("the references in the value of `{}` make it longer than {EXPANDED_BYTES_MAX} bytes", holder.name);
    Error::new(Code::InvalidRequest, detail)
}

fn too_much() -> Error {
    let detail = format!(
        "the values of what this selects come to more than {} MiB; ask for smaller pages, a narrower path, or values without \
         references followed",
        VALUES_BYTES_MAX >> 20
    );
    Error::new(Code::InvalidRequest, detail)
}

pub(super) fn too_large(what: &str, limit: usize) -> Error {
    Error::new(Code::InvalidRequest, format!("this selects more than {limit} {what}; choose a smaller part"))
}

/// The folders that a value's references lead into, as far as they exist now.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn referenced_folders(
    view: &View,
    tenant: TenantUid,
    holder: FolderUid,
    value: &Secret<String>,
) -> Result<BTreeSet<FolderUid>> {
    let mut resolver = Resolver::new(view, tenant, Unresolved::Literal);
    let mut found = BTreeSet::new();
    for piece in reference::pieces(value.expose()) {
        if let Piece::Reference { target, .. } = piece
            && let Some((folder, _)) = resolver.place(target, holder).await?
        {
            found.insert(folder);
        }
    }
    Ok(found)
}

/// The places that a value's references lead to, whether something is there or not.
#[must_use]
pub fn referenced_places(value: &Secret<String>) -> Vec<(Slug, FolderPath)> {
    let targets = reference::pieces(value.expose()).into_iter().filter_map(|piece| match piece {
        Piece::Reference { target: Target::Absolute { environment, path, .. }, .. } => Some((environment, path)),
        _ => None,
    });
    targets.collect()
}

/// Every folder whose outcome a change in `changed` can alter: the folder, those that import it or refer into it, and so on.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn affected_folders(view: &View, tenant: TenantUid, changed: FolderUid) -> Result<BTreeSet<FolderUid>> {
    let mut found = BTreeSet::new();
    let mut pending = vec![changed];
    while let Some(folder) = pending.pop() {
        if !found.insert(folder) || found.len() > FOLDERS_MAX {
            continue;
        }
        pending.extend(folders::importers(view, tenant, folder, FOLDERS_MAX).await?);
        pending.extend(folders::referrers(view, tenant, folder, FOLDERS_MAX).await?);
        pending.extend(addressing(view, tenant, folder).await?);
    }
    Ok(found)
}

/// The folders whose secrets refer to the place of this one: they may have done so before it was there.
async fn addressing(view: &View, tenant: TenantUid, folder: FolderUid) -> Result<Vec<FolderUid>> {
    let (environment, path) = match folders::path_of(view, tenant, folder).await {
        Ok(found) => found,
        Err(error) if error.code() == Code::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let Some(environment) = environments::read(view, tenant, environment).await? else { return Ok(Vec::new()) };
    folders::addressing(view, tenant, (&environment.slug, &path), FOLDERS_MAX).await
}

/// The environment and folder at a path.
///
/// # Errors
/// `not_found`, naming which of the two is missing.
pub async fn folder_at(
    view: &View,
    tenant: TenantUid,
    environment: &Slug,
    path: &FolderPath,
) -> Result<(EnvironmentUid, FolderUid)> {
    let environment =
        environments::find(view, tenant, environment).await?.ok_or_else(|| Error::not_found("environment"))?;
    let folder =
        folders::walk(view, tenant, environment.root, path).await?.ok_or_else(|| Error::not_found("folder"))?;
    Ok((environment.uid, folder))
}
