//! Key templates: text with `{{secretKey}}` and `{{environment}}`.

/// A parsed template. It names the secret at least once, else every secret would get the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    SecretKey,
    Environment,
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateProblem {
    #[error("has `{{{{` without `}}}}`")]
    Unclosed,
    #[error("knows `{{{{secretKey}}}}` and `{{{{environment}}}}` only")]
    UnknownPlaceholder,
    #[error("must name `{{{{secretKey}}}}`")]
    WithoutSecretKey,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first [`TemplateProblem`].
    pub fn parse(text: &str) -> Result<Self, TemplateProblem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(TemplateProblem::Unclosed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match name.trim() {
                "secretKey" => Part::SecretKey,
                "environment" => Part::Environment,
                _ => return Err(TemplateProblem::UnknownPlaceholder),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.contains(&Part::SecretKey) {
            return Err(TemplateProblem::WithoutSecretKey);
        }
        Ok(Self(parts))
    }

    /// The text with its placeholders filled.
    #[must_use]
    pub fn render(&self, secret_key: &str, environment: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::SecretKey => secret_key,
            Part::Environment => environment,
        });
        parts.collect()
    }

    /// The text before the first name, all the text that is not name, and how often the name stands in it.
    pub(super) fn around_names(&self, environment: &str) -> (String, String, usize) {
        let (mut before, mut fixed, mut names) = (String::new(), String::new(), 0);
        for part in &self.0 {
            let text = match part {
                Part::Text(text) => text.as_str(),
                Part::Environment => environment,
                Part::SecretKey => {
                    names += 1;
                    continue;
                }
            };
            fixed.push_str(text);
            if names == 0 {
                before.push_str(text);
            }
        }
        (before, fixed, names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_templates_are_told_apart() {
        for (text, problem) in [
            ("{{secretKey", TemplateProblem::Unclosed),
            ("{{path}}_{{secretKey}}", TemplateProblem::UnknownPlaceholder),
            ("{{}}", TemplateProblem::UnknownPlaceholder),
            ("", TemplateProblem::WithoutSecretKey),
            ("{{environment}}", TemplateProblem::WithoutSecretKey),
        ] {
            assert_eq!(Template::parse(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_filled_in_name_is_not_read_as_a_template_again() {
        let template = Template::parse("{{secretKey}}-{{environment}}").expect("a template");
        assert_eq!(template.render("{{environment}}", "prod"), "{{environment}}-prod");
    }
}
