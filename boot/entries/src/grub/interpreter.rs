// SPDX-License-Identifier: BSD-3-Clause
//! Runs statements.

use alloc::{
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use vfs::Volumes;

use super::{
    Seen,
    budget::Budget,
    environment::Environment,
    lexer::Word,
    names::Names,
    parser::{Block, Script, Statement},
};
use crate::{Error, File, Linux, Problem, Program, Start, budget::Share};

/// Blocks and calls that are open at one time: the stack of firmware is small.
const DEEPEST: u32 = 40;
/// Problems that are kept.
const MOST_NOTES: usize = 32;
/// Functions of one configuration.
const MOST_FUNCTIONS: usize = 1000;
/// Menu entries of one menu.
const MOST_ITEMS: usize = 1000;

/// An entry of the menu, not yet run.
#[derive(Clone, Debug)]
pub struct Item {
    pub title: String,
    pub id: String,
    /// The title and what stands behind it: the arguments that the body sees.
    pub arguments: Vec<String>,
    pub body: Block,
    pub is_submenu: bool,
    pub line: u32,
    /// The variables of its menu, where that is not the first one.
    pub context: Option<Rc<Environment>>,
}

/// What the body of an entry would start.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    pub kernel: Option<File>,
    pub options: String,
    pub initrd: Vec<File>,
    pub devicetree: Option<File>,
    /// An EFI program, in place of a kernel.
    pub program: Option<File>,
    /// Why there is no kernel: a command for something that is none, a device that does not exist.
    pub obstacle: Option<String>,
    /// It opens what is no entry of ours: a menu that was found already, the firmware's set-up.
    pub is_known: bool,
}

impl Boot {
    /// What is started, or why nothing is.
    pub fn start(self) -> Result<Start, String> {
        if let Some(kernel) = self.kernel {
            let Self { initrd, options, devicetree, .. } = self;
            return Ok(Start::Linux(Linux { kernel, initrd, options, devicetree }));
        }
        let reason = || self.obstacle.unwrap_or_else(|| "it has no linux command".into());
        let file = self.program.ok_or_else(reason)?;
        let is_windows = file.path.to_ascii_lowercase().ends_with(b"bootmgfw.efi");
        Ok(Start::Program(Program { file, options: None, os: is_windows.then_some("windows") }))
    }
}

/// What choosing an item leads to.
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
    /// GRUB ends.
    Exit,
}

/// One GRUB: its variables, its functions, its menu.
pub struct Interpreter<'a> {
    pub volumes: &'a Volumes,
    /// What the disk of the configuration may use.
    pub share: &'a Share,
    pub environment: Environment,
    pub menu: Vec<Item>,
    pub boot: Boot,
    pub budget: Rc<Budget>,
    pub is_x86: bool,
    /// The file that is being run, for messages.
    pub script: String,
    /// What is wrong with the scripts, and does not end them.
    pub notes: Vec<Problem>,
    /// Configurations that were run, by volume and content: none is a menu twice.
    pub seen: Seen,
    pub has_next_entry: bool,
    functions: Names<Block>,
    depth: u32,
    /// Loops around the statement that `break` may leave.
    loops: u32,
    /// In a function or an entry, which `return` leaves.
    is_in_scope: bool,
}

impl<'a> Interpreter<'a> {
    pub fn new(
        volumes: &'a Volumes,
        share: &'a Share,
        environment: Environment,
        script: String,
        is_x86: bool,
    ) -> Self {
        Self {
            volumes,
            share,
            environment,
            menu: Vec::new(),
            boot: Boot::default(),
            budget: Rc::default(),
            is_x86,
            script,
            notes: Vec::new(),
            seen: Seen::default(),
            has_next_entry: false,
            functions: Names::default(),
            depth: 0,
            loops: 0,
            is_in_scope: false,
        }
    }

    /// Runs the body of an item as its choice in the menu does. `below`: what the default says about the menu
    /// behind it.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn select(&mut self, item: &Item, below: &str) -> Result<Selected, Error> {
        let base = item.context.as_deref().unwrap_or(&self.environment);
        self.budget.copy(item.line, base.bytes())?;
        let mut fresh = if item.is_submenu { base.exported() } else { base.clone() };
        fresh.set("default", below, item.line)?;
        fresh.arguments.clone_from(&item.arguments);
        let saved = core::mem::replace(&mut self.environment, fresh);
        let menu = core::mem::take(&mut self.menu);
        self.boot = Boot::default();
        self.is_in_scope = true;
        let outcome = self.block(&item.body);
        self.is_in_scope = false;
        let inner = core::mem::replace(&mut self.menu, menu);
        let environment = core::mem::replace(&mut self.environment, saved);
        if outcome? == Flow::Exit {
            self.boot = Boot { obstacle: Some("it ends GRUB".into()), ..Boot::default() };
        }
        let default = environment.get("default").into();
        let menu = in_context(inner, 0, environment);
        Ok(Selected { boot: core::mem::take(&mut self.boot), menu, default })
    }

    /// Runs a script line by line; what is no statement is noted and left out.
    ///
    /// # Errors
    /// [`Error::Limit`]; everything else that goes wrong is a status, as in GRUB.
    pub fn run(&mut self, text: &str, line: u32) -> Result<Flow, Error> {
        self.budget.script(line, text.len())?;
        self.enter(line)?;
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
        self.depth = self.depth.saturating_sub(1);
        Ok(flow)
    }

    /// Keeps a problem, once.
    pub fn note(&mut self, error: Error) {
        let problem = Problem { object: self.script.clone(), error };
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&problem) {
            self.notes.push(problem);
        }
    }

    /// # Errors
    /// [`Error::Limit`]
    fn block(&mut self, block: &Block) -> Result<Flow, Error> {
        self.depth = self.depth.saturating_add(1);
        let flow = self.statements(block);
        self.depth = self.depth.saturating_sub(1);
        flow
    }

    fn enter(&mut self, line: u32) -> Result<(), Error> {
        if self.depth >= DEEPEST {
            return Err(Error::Limit { line, what: "open blocks", limit: u64::from(DEEPEST) });
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn statements(&mut self, block: &Block) -> Result<Flow, Error> {
        for statement in block.iter() {
            let flow = match statement {
                Statement::Command { words, block, line } => {
                    let arguments = self.arguments(words, *line)?;
                    self.command(&arguments, block.as_ref(), *line)?
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
                        return Err(Error::Limit { line: *line, what: "functions", limit: 1000 });
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

    /// What words become, paid for.
    fn arguments(&self, words: &[Word], line: u32) -> Result<Vec<String>, Error> {
        if self.depth > DEEPEST {
            return Err(Error::Limit { line, what: "open blocks", limit: u64::from(DEEPEST) });
        }
        let parts = words.iter().map(|word| word.parts.len()).fold(0, usize::saturating_add);
        let arguments = self.environment.expand(words)?;
        let bytes = arguments.iter().map(String::len).fold(0, usize::saturating_add);
        self.budget.command(line, parts.saturating_add(arguments.len()), bytes)?;
        Ok(arguments)
    }

    fn conditional(&mut self, branches: &[(Block, Block)], otherwise: &Block) -> Result<Flow, Error> {
        for (condition, body) in branches {
            let flow = self.block(condition)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
            if !self.environment.has_failed() {
                return self.block(body);
            }
        }
        self.environment.status = 0;
        self.block(otherwise)
    }

    fn repeat(&mut self, name: &str, values: Vec<String>, body: &Block, line: u32) -> Result<Flow, Error> {
        for value in values {
            self.budget.command(line, 0, value.len())?;
            self.environment.set(name, &value, line)?;
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
            if self.environment.has_failed() != is_until {
                return Ok(Flow::Next);
            }
            match self.round(body)? {
                Flow::Next | Flow::Continue(0 | 1) => {}
                flow => return Ok(outer(flow)),
            }
        }
    }

    fn round(&mut self, body: &Block) -> Result<Flow, Error> {
        self.loops = self.loops.saturating_add(1);
        let flow = self.block(body);
        self.loops = self.loops.saturating_sub(1);
        flow
    }

    /// `break` and `continue`: nothing outside a loop, and at most all the loops.
    pub fn levels(&self, rest: &[String]) -> Option<u32> {
        let levels = rest.first().and_then(|word| word.parse().ok()).unwrap_or(1u32);
        (self.loops > 0).then_some(levels.min(self.loops))
    }

    /// `return`, which only functions and entries have.
    pub fn leave(&mut self, rest: &[String]) -> Flow {
        if !self.is_in_scope {
            self.environment.status = 1;
            return Flow::Next;
        }
        if let Some(status) = rest.first() {
            self.environment.status = status.parse().unwrap_or(1);
        }
        Flow::Return
    }

    /// Calls a function of the script, if there is one with this name.
    pub fn call(&mut self, name: &str, arguments: &[String]) -> Result<Option<Flow>, Error> {
        let Some(body) = self.functions.get(name).map(Rc::clone) else {
            return Ok(None);
        };
        let saved = core::mem::replace(&mut self.environment.arguments, arguments.to_vec());
        let (loops, is_in_scope) = (self.loops, self.is_in_scope);
        (self.loops, self.is_in_scope) = (0, true);
        let flow = self.block(&body);
        (self.loops, self.is_in_scope) = (loops, is_in_scope);
        self.environment.arguments = saved;
        Ok(Some(if flow? == Flow::Exit { Flow::Exit } else { Flow::Next }))
    }

    /// Adds `menuentry` or `submenu`, whose arguments these are.
    pub fn add_item(
        &mut self,
        arguments: &[String],
        body: &Block,
        is_submenu: bool,
        line: u32,
    ) -> Result<(), Error> {
        if self.menu.len() >= MOST_ITEMS {
            return Err(Error::Limit { line, what: "menu entries", limit: 1000 });
        }
        let bytes = arguments.iter().map(|word| word.len().saturating_mul(2)).fold(0, usize::saturating_add);
        self.budget.menu(line, bytes)?;
        let (mut id, mut plain) = (None, Vec::new());
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--id" => id = words.next().cloned(),
                "--class" | "--users" | "--hotkey" | "--source" => {
                    words.next();
                }
                "--unrestricted" => {}
                option if option.starts_with("--id=") => {
                    id = option.strip_prefix("--id=").map(ToString::to_string)
                }
                option if option.starts_with("--") => {}
                _ => plain.push(word.clone()),
            }
        }
        let title = plain.first().cloned().unwrap_or_default();
        let id = id.unwrap_or_else(|| title.clone());
        let body = Rc::clone(body);
        self.menu.push(Item { title, id, arguments: plain, body, is_submenu, line, context: None });
        Ok(())
    }
}

/// Items from the given one on see these variables, unless they belong to a menu of their own.
pub fn in_context(mut menu: Vec<Item>, from: usize, environment: Environment) -> Vec<Item> {
    let context = Rc::new(environment);
    for item in menu.iter_mut().skip(from) {
        item.context.get_or_insert_with(|| Rc::clone(&context));
    }
    menu
}

/// A `break` or `continue` of several levels, one level further out.
fn outer(flow: Flow) -> Flow {
    match flow {
        Flow::Break(0 | 1) => Flow::Next,
        Flow::Break(levels) => Flow::Break(levels.saturating_sub(1)),
        Flow::Continue(levels) => Flow::Continue(levels.saturating_sub(1)),
        other => other,
    }
}
