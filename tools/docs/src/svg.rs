// SPDX-License-Identifier: BSD-3-Clause
//! What all pictures have in common: SVG that follows the reader's choice of light and dark.

/// What stands around a picture.
pub struct Frame<'a> {
    /// Pixels.
    pub width: f64,
    pub height: f64,
    /// What the picture is, for who cannot see it.
    pub title: &'a str,
    /// What it shows.
    pub description: &'a str,
    /// CSS, with colours of both kinds.
    pub style: &'a str,
}

impl Frame<'_> {
    /// The whole file.
    pub fn around(&self, content: &str) -> String {
        let [width, height] = [self.width, self.height].map(number);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n<style>{}</style>\n\
             {content}</svg>\n",
            escape(self.title),
            escape(self.description),
            self.style
        )
    }
}

/// A text as content of an element.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A coordinate to a tenth of a pixel, without a fraction that says nothing.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_what_it_is() {
        let frame =
            Frame { width: 10.0, height: 2.26, title: "a < b", description: "c", style: "text{fill:red}" };
        let svg = frame.around("<g/>\n");
        assert!(svg.contains("viewBox=\"0 0 10 2.3\""), "{svg}");
        assert!(svg.contains("<title id=\"title\">a &lt; b</title>"), "{svg}");
        assert!(svg.ends_with("</style>\n<g/>\n</svg>\n"), "{svg}");
    }
}
