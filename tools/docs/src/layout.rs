// SPDX-License-Identifier: BSD-3-Clause
//! Where boxes stand and lines go, so that each line leads down: Sugiyama's method in columns of folders.
//!
//! Each crate has a row below those that use it, and a column by its folder. A line that passes a row has a vertex
//! there, too. Vertices are moved below and above what they are linked to, from row to row, and the arrangement with
//! the fewest crossings is taken.

use std::collections::BTreeMap;

use crate::crates::Uses;

/// Columns from the left. Programs stand above them all, in rows of their own.
pub const COLUMNS: [&str; 3] = ["net", "boot", "fs"];
/// Crates that use none of ours stand as high as they can, where a row of their column has fewer than these.
const MOST: usize = 5;
const ROUNDS: usize = 24;

/// Pixels: of a box, of a line that passes a row, between those, and between columns.
pub const BOX: f64 = 72.0;
const PASS: f64 = 2.0;
const GAP: f64 = 9.0;
const MARGIN: f64 = 12.0;

/// The picture's vertices; links are pairs of indexes of vertices in a row and the next.
pub struct Layout {
    pub vertices: Vec<Vertex>,
    pub links: Vec<(usize, usize)>,
    /// From and to, in pixels, of each of [`COLUMNS`].
    pub columns: Vec<(f64, f64)>,
    pub width: f64,
}

/// A crate, or where a line passes a row.
#[derive(Clone)]
pub struct Vertex {
    /// Empty for a line.
    pub folder: String,
    pub row: usize,
    /// None for what all columns are for.
    column: Option<usize>,
    /// Of its middle.
    pub x: f64,
}

impl Vertex {
    fn width(&self) -> f64 {
        if self.folder.is_empty() { PASS } else { BOX }
    }
}

/// The column of a folder; programs have none.
pub fn column(folder: &str) -> Option<usize> {
    let (layer, _) = folder.split_once('/')?;
    COLUMNS.iter().position(|name| *name == layer)
}

/// Arranges crates.
pub fn arrange(uses: &Uses) -> Layout {
    let rows = rows(uses);
    let mut layout = Layout { vertices: Vec::new(), links: Vec::new(), columns: Vec::new(), width: 0.0 };
    let mut of_crate = BTreeMap::new();
    for folder in uses.keys() {
        of_crate.insert(folder, layout.vertices.len());
        let row = rows[folder.as_str()];
        layout.vertices.push(Vertex { folder: folder.clone(), row, column: column(folder), x: 0.0 });
    }
    let last_of_programs = programs(uses).map(|folder| rows[folder]).max().unwrap_or(0);
    for (from, used) in uses {
        for to in used {
            let mut above = of_crate[from];
            for row in rows[from.as_str()] + 1..rows[to.as_str()] {
                let column = column(to).filter(|_| row > last_of_programs);
                layout.links.push((above, layout.vertices.len()));
                above = layout.vertices.len();
                layout.vertices.push(Vertex { folder: String::new(), row, column, x: 0.0 });
            }
            layout.links.push((above, of_crate[to]));
        }
    }
    layout.measure();
    layout.move_vertices();
    layout
}

fn programs(uses: &Uses) -> impl Iterator<Item = &str> {
    uses.keys().map(String::as_str).filter(|folder| column(folder).is_none())
}

/// The row of each crate.
fn rows(uses: &Uses) -> BTreeMap<&str, usize> {
    let depths = depths(uses);
    let first = programs(uses).map(|folder| depths[folder] + 1).max().unwrap_or(0);
    let heights = heights(uses);
    let top = heights.values().copied().max().unwrap_or(0);
    let of_libraries = heights.into_iter().map(|(folder, height)| (folder, first + top - height));
    programs(uses).map(|folder| (folder, depths[folder])).chain(of_libraries).collect()
}

/// How many crates stand at least above each.
fn depths(uses: &Uses) -> BTreeMap<&str, usize> {
    let mut depths: BTreeMap<&str, usize> = uses.keys().map(|folder| (folder.as_str(), 0)).collect();
    // No way is longer than there are crates.
    for _ in uses {
        for (from, to) in uses.iter().flat_map(|(from, used)| used.iter().map(move |to| (from, to))) {
            let below = depths[from.as_str()] + 1;
            depths.entry(to).and_modify(|depth| *depth = below.max(*depth));
        }
    }
    depths
}

/// How many libraries stand at least below each; those with none below stand higher, where there is room.
fn heights(uses: &Uses) -> BTreeMap<&str, usize> {
    let libraries = || uses.iter().filter(|(folder, _)| column(folder).is_some());
    let mut heights: BTreeMap<&str, usize> = libraries().map(|(folder, _)| (folder.as_str(), 0)).collect();
    for _ in uses {
        for (folder, used) in libraries() {
            let above = used.iter().map(|to| heights[to.as_str()] + 1).max().unwrap_or(0);
            heights.insert(folder, above);
        }
    }
    let top = heights.values().copied().max().unwrap_or(0);
    for (folder, _) in libraries().filter(|(_, used)| used.is_empty()) {
        let users = libraries().filter(|(_, used)| used.contains(folder));
        let most = users.map(|(user, _)| heights[user.as_str()].saturating_sub(1)).min().unwrap_or(top);
        let is_free = |height: &usize| {
            let beside =
                heights.iter().filter(|(other, at)| *at == height && column(other) == column(folder));
            beside.count() < MOST
        };
        let height = (0..=most).rev().find(is_free).unwrap_or(0);
        heights.insert(folder, height);
    }
    heights
}

impl Layout {
    /// The vertices of a row and column, from the left.
    fn lane(&self, row: usize, column: Option<usize>) -> Vec<usize> {
        let is_there = |vertex: &Vertex| vertex.row == row && vertex.column == column;
        let mut lane: Vec<usize> =
            (0..self.vertices.len()).filter(|at| is_there(&self.vertices[*at])).collect();
        lane.sort_by(|a, b| self.vertices[*a].x.total_cmp(&self.vertices[*b].x));
        lane
    }

    fn last_row(&self) -> usize {
        self.vertices.iter().map(|vertex| vertex.row).max().unwrap_or(0)
    }

    fn lanes(&self, row: usize) -> impl Iterator<Item = Vec<usize>> {
        [None].into_iter().chain((0..COLUMNS.len()).map(Some)).map(move |column| self.lane(row, column))
    }

    fn width_of(&self, lane: &[usize]) -> f64 {
        lane.iter().map(|at| self.vertices[*at].width() + GAP).sum()
    }

    /// Each column is as wide as its fullest row.
    fn measure(&mut self) {
        let mut x = MARGIN;
        for column in 0..COLUMNS.len() {
            let rows = 0..=self.last_row();
            let width = rows.map(|row| self.width_of(&self.lane(row, Some(column)))).fold(0.0, f64::max);
            self.columns.push((x, x + width + GAP));
            x += width + GAP + MARGIN;
        }
        self.width = x;
    }

    fn move_vertices(&mut self) {
        for row in 0..=self.last_row() {
            for lane in self.lanes(row).collect::<Vec<_>>() {
                self.spread(&lane, |index, _| f64::from(u16::try_from(index).unwrap_or(u16::MAX)));
            }
        }
        let mut best = (usize::MAX, f64::MAX, self.vertices.clone());
        for round in 0..ROUNDS {
            let is_down = round % 2 == 0;
            let last = self.last_row();
            for step in 0..=last {
                let row = if is_down { step } else { last - step };
                for lane in self.lanes(row).collect::<Vec<_>>() {
                    let wanted: BTreeMap<usize, f64> =
                        lane.iter().map(|at| (*at, self.wanted(*at, is_down))).collect();
                    self.spread(&lane, |_, at| wanted[&at]);
                }
            }
            let (crossings, length) = (self.crossings(), self.length());
            if (crossings, length) < (best.0, best.1) {
                best = (crossings, length, self.vertices.clone());
            }
        }
        self.vertices = best.2;
    }

    /// The mean of what it is linked to, above or below; where it is, without that.
    fn wanted(&self, at: usize, is_down: bool) -> f64 {
        let others = self.links.iter().filter_map(|(upper, lower)| match is_down {
            true => (*lower == at).then_some(*upper),
            false => (*upper == at).then_some(*lower),
        });
        let xs: Vec<f64> = others.map(|other| self.vertices[other].x).collect();
        let count = f64::from(u16::try_from(xs.len()).unwrap_or(u16::MAX));
        if xs.is_empty() { self.vertices[at].x } else { xs.iter().sum::<f64>() / count }
    }

    /// Puts vertices where they want to be, in that order, as far as they do not overlap and stay in their column.
    fn spread(&mut self, lane: &[usize], wanted: impl Fn(usize, usize) -> f64) {
        let mut order: Vec<(f64, usize)> =
            lane.iter().enumerate().map(|(index, at)| (wanted(index, *at), *at)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, first)) = order.first() else { return };
        let room = match self.vertices[*first].column {
            Some(column) => self.columns[column],
            None => (MARGIN, self.width - MARGIN),
        };
        let spans: Vec<(f64, f64)> =
            order.iter().map(|(x, at)| (*x, (self.vertices[*at].width() + GAP) / 2.0)).collect();
        let mirrored: Vec<(f64, f64)> = spans.iter().rev().map(|(x, half)| (-x, *half)).collect();
        let to_the_right = fitted(&spans, room);
        let to_the_left = fitted(&mirrored, (-room.1, -room.0));
        for (((_, at), right), left) in order.iter().zip(to_the_right).zip(to_the_left.iter().rev()) {
            self.vertices[*at].x = (right - left) / 2.0;
        }
    }

    fn crossings(&self) -> usize {
        let ends = |(upper, lower): (usize, usize)| (self.vertices[upper].x, self.vertices[lower].x);
        let mut count = 0;
        for (index, one) in self.links.iter().enumerate() {
            let row = self.vertices[one.0].row;
            let same = self.links[..index].iter().filter(|other| self.vertices[other.0].row == row);
            let (a, b) = ends(*one);
            count += same.map(|other| ends(*other)).filter(|(c, d)| (a - c) * (b - d) < 0.0).count();
        }
        count
    }

    fn length(&self) -> f64 {
        self.links
            .iter()
            .map(|(upper, lower)| (self.vertices[*upper].x - self.vertices[*lower].x).abs())
            .sum()
    }
}

/// Middles of spans, each given by the wanted middle and half its width: pushed to the right where they overlap, then
/// back into the room.
fn fitted(spans: &[(f64, f64)], room: (f64, f64)) -> Vec<f64> {
    let mut edge = room.0;
    let mut middles: Vec<f64> = Vec::new();
    for (wanted, half) in spans {
        let middle = wanted.max(edge + half);
        edge = middle + half;
        middles.push(middle);
    }
    edge = room.1;
    for (middle, (_, half)) in middles.iter_mut().zip(spans).rev() {
        *middle = middle.min(edge - half);
        edge = *middle - half;
    }
    middles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(edges: &[(&str, &str)]) -> Uses {
        let mut uses = Uses::new();
        for (from, to) in edges {
            uses.entry(from.to_string()).or_default().insert(to.to_string());
            uses.entry(to.to_string()).or_default();
        }
        uses
    }

    #[test]
    fn every_line_leads_one_row_down() {
        let uses = uses(&[
            ("cli", "iso"),
            ("cli", "boot/flow"),
            ("iso", "fs/block"),
            ("boot/flow", "fs/vfs"),
            ("boot/flow", "net/ip"),
            ("fs/vfs", "fs/block"),
            ("fs/block", "fs/code"),
            ("net/ip", "fs/code"),
        ]);
        let layout = arrange(&uses);
        let row = |folder: &str| layout.vertices.iter().find(|vertex| vertex.folder == folder).unwrap().row;
        assert_eq!(["cli", "iso", "boot/flow", "fs/vfs", "fs/block", "fs/code"].map(row), [0, 1, 2, 3, 4, 5]);
        for (upper, lower) in &layout.links {
            assert_eq!(layout.vertices[*upper].row + 1, layout.vertices[*lower].row);
        }
        let ends = layout.links.iter().filter(|(_, lower)| !layout.vertices[*lower].folder.is_empty());
        assert_eq!(ends.count(), 8, "each use ends at a crate");
    }

    #[test]
    fn places_do_not_overlap_and_stay_in_their_column() {
        assert_eq!(fitted(&[(0.0, 5.0), (2.0, 5.0), (90.0, 5.0)], (0.0, 100.0)), [5.0, 15.0, 90.0]);
        assert_eq!(fitted(&[(99.0, 5.0), (99.0, 5.0)], (0.0, 100.0)), [85.0, 95.0]);
    }
}
