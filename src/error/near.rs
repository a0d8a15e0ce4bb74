//! Names in messages: the near ones, and never all of thousands.

use strsim::normalized_levenshtein;

/// The most names that a message lists.
const LISTED: usize = 10;
/// The most names that a message suggests.
const SUGGESTED: usize = 3;
/// How alike two names are, from 0 to 1, if one may be meant by the other.
const ALIKE: f64 = 0.6;
/// The shortest part of a name that tells which is meant.
const PART: usize = 3;

/// A name by one rule for all its spellings: lower case, without separators and without the suffix
/// `loss`.
pub(crate) fn plain(name: &str) -> String {
    let joined = name.replace(['_', '-', ' '], "").to_lowercase();
    match joined.strip_suffix("loss") {
        Some(stem) if !stem.is_empty() => stem.into(),
        _ => joined,
    }
}

/// What may have been meant by a name, and what there is.
pub(super) fn choices(name: &str, known: &[String]) -> String {
    let all = || format!("known: {}", brief(known.iter().map(String::as_str)));
    match meant(name, known) {
        None => all(),
        Some(meant) if known.len() > LISTED => format!("{meant} {} are known", known.len()),
        Some(meant) => format!("{meant} {}", all()),
    }
}

/// The question whether a near name was meant, if there is one.
pub(crate) fn meant(name: &str, known: &[String]) -> Option<String> {
    let near = near(name, known);
    let (last, others) = near.split_last()?;
    let separator = if others.is_empty() { "" } else { " or " };
    Some(format!("did you mean {}{separator}{last}?", others.join(", ")))
}

/// The first names, and how many others there are.
#[doc(hidden)]
pub fn brief<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let first: Vec<&str> = names.by_ref().take(LISTED).collect();
    let list = if first.is_empty() { "none".into() } else { first.join(", ") };
    match names.count() {
        0 => list,
        1 => format!("{list} and 1 other"),
        others => format!("{list} and {others} others"),
    }
}

/// The names that may be meant, the nearest first; of other spellings of one name, the first.
fn near<'a>(name: &str, known: &'a [String]) -> Vec<&'a str> {
    let wanted = plain(name);
    let mut near: Vec<(f64, String, &str)> = Vec::new();
    for name in known {
        let plain = plain(name);
        let likeness = likeness(&wanted, &plain);
        if likeness >= ALIKE && !near.iter().any(|(_, other, _)| *other == plain) {
            near.push((likeness, plain, name));
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            near.truncate(SUGGESTED);
        }
    }
    near.into_iter().map(|(_, _, name)| name).collect()
}

/// How alike two names are, from 0 to 1: one that holds the other is, however long the rest.
#[expect(clippy::cast_precision_loss, reason = "lengths of names")]
fn likeness(a: &str, b: &str) -> f64 {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if short.len() >= PART && long.contains(short) {
        return ALIKE + (1.0 - ALIKE) * short.len() as f64 / long.len() as f64;
    }
    normalized_levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, known: &[&str]) -> String {
        choices(name, &known.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn near_names_are_suggested_nearest_first() {
        let known = ["input", "target", "weight"];
        assert_eq!(message("traget", &known), "did you mean target? known: input, target, weight");
        assert_eq!(message("Inputs", &known), "did you mean input? known: input, target, weight");
        assert_eq!(message("labels", &known), "known: input, target, weight");
        assert_eq!(message("x", &[]), "known: none");
        let known = ["alpha", "delta", "beta"];
        assert_eq!(
            message("bela", &known),
            "did you mean beta or delta? known: alpha, delta, beta"
        );
        assert_eq!(message("mse", &["l1_loss", "mse_loss", "mse"]), {
            "did you mean mse_loss? known: l1_loss, mse_loss, mse"
        });
    }

    #[test]
    fn never_are_thousands_listed() {
        let known: Vec<String> = (0..3000).map(|i| format!("layers.{i}.weight")).collect();
        let ten: Vec<String> = known[..10].to_vec();
        let others = format!("known: {} and 2990 others", ten.join(", "));
        assert_eq!(choices("something.else", &known), others);
        assert_eq!(
            choices("layers.17.wieght", &known),
            "did you mean layers.17.weight, layers.107.weight or layers.117.weight? 3000 are known"
        );
        assert_eq!(choices("x", &known[..11]).matches(", ").count(), 9);
        assert!(choices("x", &known[..11]).ends_with(" and 1 other"));
    }

    #[test]
    fn one_rule_for_all_spellings() {
        for name in ["cross_entropy", "CrossEntropyLoss", "cross-entropy-loss", "Cross Entropy"] {
            assert_eq!(plain(name), "crossentropy");
        }
        assert_eq!([plain("loss"), plain(""), plain("_loss")], ["loss", "", "loss"]);
    }
}
