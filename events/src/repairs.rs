use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::json::number_or_zero;

macro_rules! repairs {
    ($($field:ident $kind:ident $name:literal $meaning:literal;)*) => {
        /// A deviation of an AI's answer from its form that was mended before the answer was accepted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Repair {
            $(#[doc = $meaning] $kind,)*
        }

        impl Repair {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name, as in [`Repairs`].
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }

        /// How many accepted answers had to be repaired, by kind. A kind that did not occur is missing. An AI that needs this often
        /// works, but another model, or another setting of this one, may serve better.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase")]
        pub struct Repairs {
            $(
                #[doc = $meaning]
                #[serde(default, deserialize_with = "number_or_zero", skip_serializing_if = "is_zero")]
                pub $field: u32,
            )*
        }

        impl Repairs {
            /// How many there were of that kind.
            pub fn of(&self, kind: Repair) -> u32 {
                match kind { $(Repair::$kind => self.$field,)* }
            }

            fn count(&mut self, kind: Repair) {
                match kind { $(Repair::$kind => self.$field = self.$field.saturating_add(1),)* }
            }
        }

        impl Add for Repairs {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self { $($field: self.$field.saturating_add(other.$field),)* }
            }
        }
    };
}

repairs! {
    thinking Thinking "thinking" "It thought aloud before the answer.";
    prose Prose "prose" "Text stood around the JSON.";
    syntax Syntax "syntax" "The JSON had trailing commas, comments or other quotation marks.";
    text_for_json TextForJson "textForJson" "The tasks were JSON within a text.";
    wrapper Wrapper "wrapper" "The tasks were a bare list, or within another object.";
    number_as_text NumberAsText "numberAsText" "An estimate was a text.";
    spelling Spelling "spelling" "A field or a priority was spelled differently.";
    shortened Shortened "shortened" "A title or description was a little too long, and was cut.";
    cleaned Cleaned "cleaned" "A title or description contained invisible characters.";
    reasoning_field ReasoningField "reasoningField" "The answer was in the field for the model's reasoning.";
    stream Stream "stream" "The server streamed its answer, or marked its end, though it was asked not to.";
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Repairs {
    /// Returns `true` if nothing was repaired.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl FromIterator<Repair> for Repairs {
    /// Counts each kind once, however often it occurs: it is one answer.
    fn from_iter<I: IntoIterator<Item = Repair>>(kinds: I) -> Self {
        let mut repairs = Self::default();
        for kind in kinds {
            if repairs.of(kind) == 0 {
                repairs.count(kind);
            }
        }
        repairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_counts_once_for_each_kind() {
        let one: Repairs = [Repair::Shortened, Repair::Prose, Repair::Shortened].into_iter().collect();
        let both = one + Repairs { prose: 1, ..Repairs::default() };
        assert_eq!(serde_json::to_value(both).unwrap(), serde_json::json!({ "prose": 2, "shortened": 1 }));
        assert!(!both.is_none() && Repairs::default().is_none());
    }

    #[test]
    fn every_kind_is_a_field_by_its_name() {
        for kind in Repair::ALL {
            let one: Repairs = [*kind].into_iter().collect();
            assert_eq!(serde_json::to_value(one).unwrap(), serde_json::json!({ kind.name(): 1 }));
        }
    }
}
