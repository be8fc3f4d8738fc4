// SPDX-License-Identifier: BSD-3-Clause
//! Runs statements.

use alloc::{rc::Rc, string::String, vec::Vec};
use core::mem::{replace, take};

use vfs::Volumes;

use super::{
    Scripts,
    boot::Boot,
    budget::Budget,
    commands::Call,
    environment::Environment,
    expansion::Values,
    item::Item,
    lexer::Word,
    names::Names,
    parser::{Block, Script, Statement},
    place::Places,
    users::Users,
    view::Mount,
};
use crate::{
    Error, Problem,
    budget::{Share, number},
    sizes::total,
};

/// Most nested blocks and calls: the firmware's stack is small.
const DEEPEST: u32 = 40;
/// Most problems that are kept.
const MOST_NOTES: usize = 32;
/// Most functions of one configuration.
const MOST_FUNCTIONS: usize = 1000;

/// The outcome of selecting an item.
pub struct Selected {
    pub boot: Boot,
    /// The menu that it opens, empty for an entry that boots.
    pub menu: Vec<Item>,
    /// `default` of that menu.
    pub default: String,
}

/// How a block ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    Next,
    Break(u32),
    Continue(u32),
    Return,
    /// GRUB exits.
    Exit,
}

/// The variables and the menu that commands see.
#[derive(Default)]
pub struct Context {
    pub environment: Environment,
    pub menu: Vec<Item>,
}

/// State of a running script, function or entry body.
#[derive(Default)]
pub struct Frame {
    /// `$1` and so on.
    pub arguments: Vec<String>,
    /// Enclosing loops that `break` may leave.
    pub loops: u32,
}

/// One GRUB instance: variables, functions, menu.
pub struct Interpreter<'a> {
    pub volumes: &'a Volumes,
    pub places: &'a Places<'a>,
    pub here: Context,
    /// The enclosing contexts.
    outer: Vec<Context>,
    script: Frame,
    /// Running functions and entries, the innermost last.
    calls: Vec<Frame>,
    pub boot: Boot,
    /// The body of an entry runs.
    pub is_in_entry: bool,
    /// The share of the budget of the configuration's disk.
    pub share: &'a Share,
    pub budget: Rc<Budget<'a>>,
    pub is_x86: bool,
    /// The files that are being run, for messages.
    pub files: Vec<String>,
    /// Problems that do not end the script.
    pub notes: Vec<Problem>,
    /// Configurations that were run, by volume and content, so that none becomes a menu twice.
    pub scripts: Scripts,
    pub users: Rc<Users>,
    /// Mounted subvolumes.
    pub mounts: Vec<Mount>,
    /// The module that enables wildcards (`regexp`) was loaded.
    pub has_wildcards: bool,
    pub has_next_entry: bool,
    functions: Names<Block>,
    depth: u32,
}

impl<'a> Interpreter<'a> {
    pub fn new(places: &'a Places<'a>, share: &'a Share, environment: Environment, is_x86: bool) -> Self {
        Self {
            volumes: places.filesystems.volumes(),
            places,
            here: Context { environment, menu: Vec::new() },
            outer: Vec::new(),
            script: Frame::default(),
            calls: Vec::new(),
            boot: Boot::default(),
            is_in_entry: false,
            share,
            budget: Rc::new(Budget::new(share)),
            is_x86,
            files: Vec::new(),
            notes: Vec::new(),
            scripts: Scripts::default(),
            users: Rc::default(),
            mounts: Vec::new(),
            has_wildcards: false,
            has_next_entry: false,
            functions: Names::default(),
            depth: 0,
        }
    }

    /// The variables.
    pub fn environment(&self) -> &Environment {
        &self.here.environment
    }

    /// Opens a context with these variables and an empty menu.
    pub fn open(&mut self, environment: Environment) {
        let outer = replace(&mut self.here, Context { environment, menu: Vec::new() });
        self.outer.push(outer);
    }

    /// Leaves the context that was opened last, and returns it.
    pub fn close(&mut self) -> Context {
        let outer = self.outer.pop().unwrap_or_default();
        replace(&mut self.here, outer)
    }

    /// The innermost running function or entry, or the script.
    pub fn frame(&mut self) -> &mut Frame {
        self.calls.last_mut().unwrap_or(&mut self.script)
    }

    /// Whether a function or an entry is running.
    pub fn is_in_call(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Runs the body of an item as selecting it in the menu does. `below`: the part of the default for the menu that it
    /// opens.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn select(&mut self, item: &Item, below: &str) -> Result<Selected, Error> {
        let base = item.context.as_deref().unwrap_or(&self.here.environment);
        self.budget.copy(item.line, base.bytes())?;
        let mut fresh = if item.is_submenu() { base.exported() } else { base.clone() };
        fresh.set("default", below, item.line)?;
        self.open(fresh);
        self.boot = Boot::default();
        self.is_in_entry = true;
        let outcome = self.in_frame(item.arguments.clone(), &item.body);
        self.is_in_entry = false;
        let Context { environment, menu } = self.close();
        outcome?;
        let default = environment.get("default").into();
        let menu = super::item::in_context(menu, environment);
        Ok(Selected { boot: take(&mut self.boot), menu, default })
    }

    /// Runs a block as a function with these arguments.
    fn in_frame(&mut self, arguments: Vec<String>, body: &Block) -> Result<Flow, Error> {
        self.calls.push(Frame { arguments, loops: 0 });
        let flow = self.block(body);
        self.calls.pop();
        flow
    }

    /// Runs a script line by line; lines with syntax errors are noted and skipped.
    ///
    /// # Errors
    /// [`Error::Limit`]; other failures only set the status, as in GRUB.
    pub fn run(&mut self, text: &str, line: u32) -> Result<Flow, Error> {
        self.budget.script(line, text.len())?;
        let outer = self.depth;
        if outer >= DEEPEST {
            return Err(Error::Limit { line, what: "open blocks", limit: u64::from(DEEPEST) });
        }
        self.deeper();
        let budget = Rc::clone(&self.budget);
        let mut script = Script::new(text, &budget);
        let mut flow = Flow::Next;
        while flow == Flow::Next {
            match script.unit() {
                Ok(Some(unit)) => flow = self.block(&unit)?,
                Ok(None) => break,
                Err(error @ Error::Limit { .. }) => return Err(error),
                Err(error) => self.note(error),
            }
        }
        self.depth = outer;
        Ok(flow)
    }

    /// Keeps a problem, once.
    pub fn note(&mut self, error: Error) {
        let object = self.files.last().cloned().unwrap_or_default();
        let problem = Problem::new(object, error);
        match self.notes.len() {
            kept if kept > MOST_NOTES || self.notes.contains(&problem) => {}
            MOST_NOTES => {
                let error = Error::TooMany { what: "problems of a script", limit: number(MOST_NOTES) };
                self.notes.push(Problem::new(problem.object, error));
            }
            _ => self.notes.push(problem),
        }
    }

    /// # Errors
    /// [`Error::Limit`]
    fn block(&mut self, block: &Block) -> Result<Flow, Error> {
        let outer = self.depth;
        self.deeper();
        let flow = self.statements(block);
        self.depth = outer;
        flow
    }

    /// Enters a block. The check against [`DEEPEST`] is made when a script or a command runs.
    fn deeper(&mut self) {
        // Cannot saturate: the depth stays near its limit.
        self.depth = self.depth.saturating_add(1);
    }

    fn statements(&mut self, block: &Block) -> Result<Flow, Error> {
        for statement in block.iter() {
            let flow = match statement {
                Statement::Command { words, block, line } => {
                    let arguments = self.arguments(words, *line)?;
                    self.command(&Call::new(&arguments, block.as_ref(), *line))?
                }
                Statement::If { branches, otherwise } => self.conditional(branches, otherwise)?,
                Statement::For { name, words, body, line } => {
                    let values = self.arguments(words, *line)?;
                    self.repeat(name, values, body, *line)?
                }
                Statement::While { condition, body, is_until, line } => {
                    self.repeat_while(condition, body, *is_until, *line)?
                }
                Statement::Function { name, body, line } => {
                    if self.functions.len() >= MOST_FUNCTIONS {
                        return Err(Error::Limit {
                            line: *line,
                            what: "functions",
                            limit: number(MOST_FUNCTIONS),
                        });
                    }
                    self.functions.insert(name, Rc::clone(body));
                    Flow::Next
                }
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Expands words and charges the budget for the result.
    fn arguments(&self, words: &[Word], line: u32) -> Result<Vec<String>, Error> {
        if self.depth > DEEPEST {
            return Err(Error::Limit { line, what: "open blocks", limit: u64::from(DEEPEST) });
        }
        let parts = total(words.iter().map(|word| word.parts.len()));
        let call = self.calls.last().unwrap_or(&self.script);
        let values = Values { environment: &self.here.environment, arguments: &call.arguments };
        let arguments = values.expand(words)?;
        let bytes = total(arguments.iter().map(|argument| argument.text.len()));
        self.budget.command(line, total([parts, arguments.len()]), bytes)?;
        self.filenames(arguments, line)
    }

    fn conditional(&mut self, branches: &[(Block, Block)], otherwise: &Block) -> Result<Flow, Error> {
        for (condition, body) in branches {
            let flow = self.block(condition)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
            if !self.here.environment.has_failed() {
                return self.block(body);
            }
        }
        self.here.environment.status = 0;
        self.block(otherwise)
    }

    fn repeat(&mut self, name: &str, values: Vec<String>, body: &Block, line: u32) -> Result<Flow, Error> {
        for value in values {
            self.budget.command(line, 0, value.len())?;
            self.here.environment.set(name, &value, line)?;
            match self.round(body)? {
                Flow::Next | Flow::Continue(0 | 1) => {}
                flow => return Ok(outer(flow)),
            }
        }
        Ok(Flow::Next)
    }

    fn repeat_while(
        &mut self,
        condition: &Block,
        body: &Block,
        is_until: bool,
        line: u32,
    ) -> Result<Flow, Error> {
        loop {
            self.budget.command(line, 0, 0)?;
            let flow = self.block(condition)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
            if self.here.environment.has_failed() != is_until {
                return Ok(Flow::Next);
            }
            match self.round(body)? {
                Flow::Next | Flow::Continue(0 | 1) => {}
                flow => return Ok(outer(flow)),
            }
        }
    }

    fn round(&mut self, body: &Block) -> Result<Flow, Error> {
        let frame = self.frame();
        let outer = frame.loops;
        // Cannot saturate: no more than blocks are open.
        frame.loops = outer.saturating_add(1);
        let flow = self.block(body);
        self.frame().loops = outer;
        flow
    }

    /// Calls a function of the script, if there is one with this name.
    pub fn call(&mut self, name: &str, arguments: &[String]) -> Result<Option<Flow>, Error> {
        let Some(body) = self.functions.get(name).map(Rc::clone) else {
            return Ok(None);
        };
        let flow = self.in_frame(arguments.to_vec(), &body)?;
        Ok(Some(if flow == Flow::Exit { Flow::Exit } else { Flow::Next }))
    }
}

/// A `break` or `continue` of several levels, one level further out.
fn outer(flow: Flow) -> Flow {
    match flow {
        Flow::Break(levels) => match levels.checked_sub(1) {
            None | Some(0) => Flow::Next,
            Some(levels) => Flow::Break(levels),
        },
        Flow::Continue(levels) => levels.checked_sub(1).map_or(Flow::Next, Flow::Continue),
        other => other,
    }
}
