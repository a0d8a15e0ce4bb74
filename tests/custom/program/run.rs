//! What a program comes to.

use super::values::{HELPER, OPERATIONS, Value};
use super::{Body, Noise, Statement, Tree};

/// A function that runs.
pub(super) struct Run<'r> {
    pub(super) body: &'r Body,
    pub(super) helper: Option<&'r Body>,
    pub(super) names: Vec<Value>,
    pub(super) noise: &'r mut Noise,
}

impl Run<'_> {
    pub(super) fn result(mut self) -> f64 {
        self.names.resize(self.body.names.len(), Value::Bool(false));
        let body = self.body;
        let early = self.block(&body.statements);
        early.unwrap_or_else(|| self.tree(&body.result)).float()
    }

    fn tree(&mut self, tree: &Tree) -> Value {
        match tree {
            Tree::Literal(value) => *value,
            Tree::Name(i) => self.names[*i],
            Tree::Operation(i, of) => {
                let of: Vec<Value> = of.iter().map(|x| self.tree(x)).collect();
                let value = match self.helper {
                    Some(helper) if OPERATIONS[*i].2 == HELPER => {
                        let noise = &mut *self.noise;
                        Value::Float(Run { body: helper, helper: None, names: of, noise }.result())
                    }
                    _ => (OPERATIONS[*i].3)(&of),
                };
                match value {
                    Value::Float(x) => Value::Float(self.noise.near(x)),
                    other => other,
                }
            }
        }
    }

    /// What is returned, if the block returns.
    fn block(&mut self, block: &[Statement]) -> Option<Value> {
        block.iter().find_map(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Option<Value> {
        match statement {
            Statement::Let(i, tree) | Statement::Var(i, tree) | Statement::Assign(i, tree) => {
                self.names[*i] = self.tree(tree);
                None
            }
            Statement::If(condition, accept, reject) => {
                let block = if self.tree(condition).holds() { accept } else { reject };
                self.block(block)
            }
            Statement::For(i, rounds, goes_on, body) => {
                for round in 0..*rounds {
                    self.names[*i] = Value::Signed(round);
                    if self.tree(goes_on).holds() {
                        continue;
                    }
                    let early = self.block(body);
                    if early.is_some() {
                        return early;
                    }
                }
                None
            }
            Statement::Switch(selector, [first, second, other]) => {
                let block = match self.tree(selector).signed().wrapping_rem(4) {
                    1 | 2 => first,
                    -1 => second,
                    _ => other,
                };
                self.block(block)
            }
            Statement::Return(condition, tree) => {
                self.tree(condition).holds().then(|| self.tree(tree))
            }
        }
    }
}
