//! Reading secrets together with what surrounds them: what their folders import, the caller's own overrides and their tags.
//! References that lead nowhere stay as they are written, and a value that the caller may not see is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{SecretRead, Secrets};
use crate::domain::access::Scope;
use crate::domain::id::{FolderUid, SecretUid};
use crate::domain::name::{SecretName, Slug, Tag};
use crate::domain::{Error, Result, Secret, Version};
use crate::records::overrides::{self, PersonalOverride};
use crate::records::secrets::{SecretHints, SecretOverview};
use crate::records::tags::{self, TagRecord};
use crate::records::{View, environments, folders, secrets};
use crate::service::context::TenantCtx;
use crate::service::folders::Place;
use crate::service::resolve::{Resolver, SECRETS_MAX, Unresolved, folder_at, too_large};
use crate::service::tags::TAGS_OF_TENANT_MAX;

/// How secrets are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Showing {
    /// With values, where the caller has the scope `secrets:reveal`.
    pub values: bool,
    /// With references followed.
    pub expand: bool,
    /// Also what the folder imports.
    pub imports: bool,
    /// Together with the caller's own overrides.
    pub personal: bool,
}

/// Which secrets are gathered.
#[derive(Clone, Debug)]
pub struct Gathering {
    pub place: Place,
    /// Also from the folders below.
    pub recursive: bool,
    pub showing: Showing,
    /// Only those with one of these tags, where any is given.
    pub tags: Vec<Tag>,
    /// Only those with all of these members of metadata.
    pub metadata: Vec<(String, String)>,
}

/// What was gathered.
#[derive(Clone, Debug)]
pub struct Gathered {
    pub secrets: Vec<Found>,
    /// A later one wins over an earlier one, the secrets themselves over all.
    pub imports: Vec<Imported>,
    pub known: Known,
}

/// A secret and where it was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub environment: Slug,
    pub read: SecretRead,
    /// What the caller holds in place of its value.
    pub personal: Option<PersonalOverride>,
}

/// Secrets of a folder that another imports.
#[derive(Clone, Debug)]
pub struct Imported {
    pub place: Place,
    pub folder: FolderUid,
    pub secrets: Vec<Found>,
}

/// What is known beside the secrets themselves.
#[derive(Clone, Debug)]
pub struct Known {
    /// The tags that they carry.
    pub tags: BTreeMap<Tag, TagRecord>,
    /// Another one as soon as anything of the answer could be otherwise; made of uids, versions and times alone.
    pub version: Version,
}

impl Secrets {
    /// All secrets of a folder.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` where they are too many, or their values too long together.
    pub async fn gather(&self, ctx: &TenantCtx, gathering: &Gathering) -> Result<Gathered> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let mut work = Work::new(&view, ctx, gathering.showing);
        let (_, root) = folder_at(&view, ctx.tenant(), &gathering.place.environment, &gathering.place.path).await?;
        let folders = if gathering.recursive { work.resolver.tree(root).await? } else { vec![root] };
        let mut selected = Vec::with_capacity(folders.len());
        for folder in &folders {
            selected.push(work.select(*folder, gathering).await?);
        }
        let imported = work.select_imports(&folders, gathering).await?;
        let mut found = Vec::new();
        for selected in selected {
            found.extend(work.show(selected).await?.secrets);
        }
        let mut imports = Vec::with_capacity(imported.len());
        for imported in imported {
            imports.push(work.show(imported).await?);
        }
        let all: Vec<&Found> = found.iter().chain(imports.iter().flat_map(|import| &import.secrets)).collect();
        let known = work.known(&all).await?;
        if work.showing.values {
            self.audit_reveal(ctx, format!("{}:{}", gathering.place.environment, gathering.place.path)).await?;
        }
        Ok(Gathered { secrets: found, imports, known })
    }

    /// One secret of a folder, else of what the folder imports where that is asked for; `version` is an earlier version.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn pick(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &SecretName,
        showing: Showing,
        version: Option<u64>,
    ) -> Result<(Found, Known)> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let mut work = Work::new(&view, ctx, showing);
        let (_, folder) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        let own = secrets::find(&view, ctx.tenant(), folder, name).await?;
        let overview = match own {
            None if showing.imports => work.resolver.find(folder, name).await?,
            own => own,
        };
        self.shown(&mut work, overview, version).await
    }

    /// The secret with this uid.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn pick_by_uid(&self, ctx: &TenantCtx, uid: SecretUid, showing: Showing) -> Result<(Found, Known)> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let overview = secrets::read(&view, ctx.tenant(), uid).await?;
        self.shown(&mut Work::new(&view, ctx, showing), overview, None).await
    }

    /// What is known beside secrets that were just written.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn known(&self, ctx: &TenantCtx, found: &[Found]) -> Result<Known> {
        let view = self.core.records.view().await?;
        let found: Vec<&Found> = found.iter().collect();
        Work::new(&view, ctx, Showing::default()).known(&found).await
    }

    async fn shown(
        &self,
        work: &mut Work<'_>,
        overview: Option<SecretOverview>,
        version: Option<u64>,
    ) -> Result<(Found, Known)> {
        let overview = overview.ok_or_else(|| Error::not_found("secret"))?;
        let version = version.unwrap_or_else(|| overview.version());
        if !overview.versions.iter().any(|kept| kept.number == version) {
            return Err(Error::not_found("version of this secret"));
        }
        let place = work.place(overview.folder).await?;
        let found = work.found(overview, &place, version).await?;
        let known = work.known(&[&found]).await?;
        if work.showing.values {
            self.audit_reveal(work.ctx, found.read.overview.uid.to_string()).await?;
        }
        Ok((found, known))
    }
}

/// One gathering under way.
struct Work<'v> {
    view: &'v View,
    ctx: &'v TenantCtx,
    showing: Showing,
    resolver: Resolver<'v>,
    /// Secrets that were selected, each as often as it was.
    selected: usize,
}

/// What is to be shown of a folder, before any value of it is read.
struct Selected {
    place: Place,
    folder: FolderUid,
    overviews: Vec<SecretOverview>,
}

impl<'v> Work<'v> {
    fn new(view: &'v View, ctx: &'v TenantCtx, showing: Showing) -> Self {
        let values = showing.values && ctx.scopes().contains(&Scope::SecretsReveal);
        let resolver = Resolver::new(view, ctx.tenant(), Unresolved::Literal);
        Self { view, ctx, showing: Showing { values, ..showing }, resolver, selected: 0 }
    }

    async fn place(&self, folder: FolderUid) -> Result<Place> {
        let (environment, path) = folders::path_of(self.view, self.ctx.tenant(), folder).await?;
        let environment = environments::read(self.view, self.ctx.tenant(), environment).await?;
        let environment = environment.ok_or_else(|| Error::not_found("environment"))?;
        Ok(Place { environment: environment.slug, path })
    }

    async fn select(&mut self, folder: FolderUid, gathering: &Gathering) -> Result<Selected> {
        let place = self.place(folder).await?;
        let room = SECRETS_MAX - self.selected;
        let mut overviews = secrets::list(self.view, self.ctx.tenant(), folder, None, SECRETS_MAX + 1).await?;
        overviews.retain(|overview| gathering.wants(overview));
        if overviews.len() > room {
            return Err(too_large("secrets", SECRETS_MAX));
        }
        self.selected += overviews.len();
        Ok(Selected { place, folder, overviews })
    }

    async fn show(&mut self, selected: Selected) -> Result<Imported> {
        let Selected { place, folder, overviews } = selected;
        let mut secrets = Vec::with_capacity(overviews.len());
        for overview in overviews {
            let version = overview.version();
            secrets.push(self.found(overview, &place, version).await?);
        }
        Ok(Imported { place, folder, secrets })
    }

    /// What the folders import, in the order in which a later one wins over an earlier one.
    async fn select_imports(&mut self, folders: &[FolderUid], gathering: &Gathering) -> Result<Vec<Selected>> {
        if !self.showing.imports {
            return Ok(Vec::new());
        }
        let mut seen: BTreeSet<FolderUid> = folders.iter().copied().collect();
        let mut imports = Vec::new();
        for folder in folders {
            for source in self.resolver.sources(*folder).await?.into_iter().rev() {
                if !seen.insert(source) {
                    continue;
                }
                match self.select(source, gathering).await {
                    Ok(imported) => imports.push(imported),
                    // An imported folder may be deleted; what is left of the import brings nothing.
                    Err(error) if error.code() == crate::domain::Code::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(imports)
    }

    async fn found(&mut self, overview: SecretOverview, place: &Place, version: u64) -> Result<Found> {
        let value = if self.showing.values { self.value(&overview, version).await? } else { None };
        let personal = if self.showing.personal { self.personal(&overview).await? } else { None };
        let read = SecretRead { overview, path: place.path.clone(), version, value };
        Ok(Found { environment: place.environment.clone(), read, personal })
    }

    async fn value(&mut self, overview: &SecretOverview, version: u64) -> Result<Option<Secret<String>>> {
        let raw = secrets::value(self.view, self.ctx.tenant(), overview.uid, version).await?;
        let raw = raw.ok_or_else(|| Error::not_found("version of this secret"))?;
        self.expanded(overview, raw).await.map(Some)
    }

    async fn expanded(&mut self, overview: &SecretOverview, raw: Secret<String>) -> Result<Secret<String>> {
        if !self.showing.expand || !raw.expose().contains("${") {
            self.resolver.hold(&raw)?;
            return Ok(raw);
        }
        let expanded = self.resolver.expand(overview, &raw).await?;
        Ok(encoded(expanded, &overview.hints))
    }

    async fn personal(&mut self, overview: &SecretOverview) -> Result<Option<PersonalOverride>> {
        let identity = self.ctx.principal().identity;
        let found = overrides::read(self.view, self.ctx.tenant(), overview.uid, identity).await?;
        let Some(mut found) = found else { return Ok(None) };
        if self.showing.values {
            found.value = self.expanded(overview, found.value.clone()).await?;
        } else {
            self.resolver.hold(&found.value)?;
        }
        Ok(Some(found))
    }

    async fn known(&self, found: &[&Found]) -> Result<Known> {
        let mut tags = BTreeMap::new();
        if found.iter().any(|found| !found.read.overview.tags.is_empty()) {
            let all = tags::list(self.view, self.ctx.tenant(), TAGS_OF_TENANT_MAX).await?;
            tags.extend(all.into_iter().map(|tag| (tag.slug.clone(), tag)));
        }
        let version = self.version(found, &tags);
        Ok(Known { tags, version })
    }

    fn version(&self, found: &[&Found], tags: &BTreeMap<Tag, TagRecord>) -> Version {
        let secrets: Vec<_> = found
            .iter()
            .map(|found| {
                let (overview, personal) = (&found.read.overview, &found.personal);
                let personal = personal.as_ref().map(|personal| (personal.uid, personal.version, personal.modified_at));
                let place = (found.environment.as_str(), overview.folder, found.read.path.to_string());
                (overview.uid, found.read.version, overview.modified_at, place, personal)
            })
            .collect();
        let tags: Vec<_> = tags.values().map(|tag| (tag.uid, tag.modified_at)).collect();
        let used: Vec<_> = self.resolver.used().iter().collect();
        Version::of(&(self.showing.values, secrets, tags, used))
    }
}

impl Gathering {
    fn wants(&self, overview: &SecretOverview) -> bool {
        let has = |(key, value): &(String, String)| overview.metadata.get(key) == Some(value);
        (self.tags.is_empty() || self.tags.iter().any(|tag| overview.tags.contains(tag)))
            && self.metadata.iter().all(has)
    }
}

/// A value whose references were followed, on one line where its owner wants that.
fn encoded(value: Secret<String>, hints: &SecretHints) -> Secret<String> {
    if hints.skip_multiline_encoding != Some(true) || !value.expose().contains('\n') {
        return value;
    }
    Secret::new(format!("\"{}\"", value.expose().replace('\n', "\\n")))
}
