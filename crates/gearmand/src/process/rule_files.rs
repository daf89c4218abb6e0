//! The files of `--acl`, `--policy-file` and `--http-token-file`: read at the start, where a mistake is an error, and anew at each reload, where what
//! stood goes on. What they say is not known here.

use crate::process::reload::Reload;
use gearman_core::settings_file::SettingsError;
use gearmand::Config;
use gearmand::config::{Acl, Options, Policies, Tokens};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Those that were named.
#[derive(Clone, Debug)]
pub(crate) struct RuleFiles {
    acl: Option<RuleFile<Acl>>,
    policies: Option<RuleFile<Policies>>,
    tokens: Option<RuleFile<Tokens>>,
}

impl RuleFiles {
    /// Reads them. What is wrong, where something is.
    pub(crate) fn open(options: &Options) -> Result<RuleFiles, String> {
        let rules = |acl: &Acl| format!("{} rules", acl.len());
        let acl = options.acl.as_deref().map(|path| RuleFile::open("--acl", path, Acl::read, rules));
        let policies = options.policy_file.as_deref();
        let policies = policies.map(|path| RuleFile::open("--policy-file", path, Policies::read, Policies::summary));
        let count = |tokens: &Tokens| format!("{} tokens", tokens.len());
        let tokens = options.http_token_file.as_deref();
        let tokens = tokens.map(|path| RuleFile::open("--http-token-file", path, Tokens::read, count));
        Ok(RuleFiles { acl: acl.transpose()?, policies: policies.transpose()?, tokens: tokens.transpose()? })
    }

    /// What is to be remarked of them.
    pub(crate) fn remark(&self) -> Option<String> {
        self.tokens.as_ref()?.content().borrow().remark().map(str::to_owned)
    }

    /// A server follows them.
    pub(crate) fn follow(&self, config: &mut Config) {
        config.acl = self.acl.as_ref().map(RuleFile::content);
        config.policies = self.policies.as_ref().map(RuleFile::content);
        config.tokens = self.tokens.as_ref().map(RuleFile::content);
    }

    /// They may say something else now.
    pub(crate) fn reload_by(&self, reload: &Reload) {
        if let Some(acl) = self.acl.clone() {
            reload.add(move || acl.reload());
        }
        if let Some(policies) = self.policies.clone() {
            reload.add(move || policies.reload());
        }
        if let Some(tokens) = self.tokens.clone() {
            reload.add(move || {
                tokens.reload();
                if let Some(remark) = tokens.content().borrow().remark() {
                    tracing::warn!("{remark}");
                }
            });
        }
    }
}

/// A file that was good once.
#[derive(Debug)]
struct RuleFile<T> {
    option: &'static str,
    path: PathBuf,
    read: fn(&Path) -> Result<T, SettingsError>,
    /// What is in it, for the log.
    summary: fn(&T) -> String,
    content: Arc<watch::Sender<Arc<T>>>,
}

impl<T> Clone for RuleFile<T> {
    fn clone(&self) -> RuleFile<T> {
        RuleFile { path: self.path.clone(), content: self.content.clone(), ..*self }
    }
}

impl<T> RuleFile<T> {
    /// Reads it.
    fn open(
        option: &'static str,
        path: &str,
        read: fn(&Path) -> Result<T, SettingsError>,
        summary: fn(&T) -> String,
    ) -> Result<RuleFile<T>, String> {
        // The folder that a name begins at may be another later.
        let path = std::path::absolute(path).map_err(|e| format!("{option} {path}: {e}"))?;
        let content = read(&path).map_err(|e| format!("{option} {e}"))?;
        Ok(RuleFile { option, path, read, summary, content: Arc::new(watch::Sender::new(Arc::new(content))) })
    }

    /// What it says, now and after each reload.
    fn content(&self) -> watch::Receiver<Arc<T>> {
        self.content.subscribe()
    }

    fn reload(&self) {
        match (self.read)(&self.path) {
            Ok(content) => {
                let (summary, path) = ((self.summary)(&content), self.path.display());
                tracing::info!(target: "gearmand::notice", "read {path} anew: {summary}");
                self.content.send_replace(Arc::new(content));
            }
            Err(error) => tracing::error!("{} {error}; the rules stay as they were", self.option),
        }
    }
}
