"""A4 paper: margins, the light theme's colours, text in the report's fonts, and a footer.

Lengths are millimetres from the top left corner, type sizes are points.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos

from app.web.pdf.fonts import Typefaces

MARGIN, BOTTOM = 14.0, 16.0
WIDTH = 210 - 2 * MARGIN
LINE = 1.42  # of the type size
UNBROKEN = 60  # letters of a word that is broken anywhere rather than left to run out

INK, INK_2, INK_3 = "#14181F", "#454E5C", "#5C6675"
RULE, RULE_STRONG, INSET = "#DDE1E8", "#14181F", "#EFF1F5"
TONES = {
    "fits": "#0F6B3A",
    "tight": "#7D4A00",
    "does_not_fit": "#A8201A",
    "unsupported": "#5C6675",
}
GROUP_COLOURS = {
    "weights": "#1450B4",
    "gradients": "#E2591A",
    "optimizer_states": "#3F8DB3",
    "activations": "#4E1463",
    "logits_and_loss": "#C66C6A",
    "buffers": "#3B4048",
}

# The page's own signs on their 16 × 16 grid, stroke by stroke.
_STROKES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "fits": ((3.2, 8.4, 6.3, 11.5), (6.3, 11.5, 12.8, 4.7)),
    "tight": (
        (8, 2.6, 14, 13.2),
        (14, 13.2, 2, 13.2),
        (2, 13.2, 8, 2.6),
        (8, 6.6, 8, 9.6),
        (8, 11.4, 8, 11.5),
    ),
    "does_not_fit": ((4, 4, 12, 12), (12, 4, 4, 12)),
    "unsupported": ((3.5, 8, 12.5, 8),),
}


class Paper(FPDF):
    """A document in one set of fonts with a footer on each page."""

    def __init__(self, faces: Typefaces, footer: str, title: str, made: datetime) -> None:
        super().__init__(format="A4")
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(False)
        self.c_margin = 0
        self._footer = footer
        self._missing = faces.missing
        self._replaces = not faces.faces
        self.set_title(title)
        self.set_creator("Shardplan")
        self.set_lang("en")
        self.set_creation_date(made)
        self._family = "helvetica"
        titled = set(map(ord, title))
        for place, face in enumerate(faces.faces):
            # Opening a font costs more than drawing with it: a name's letters are in the title.
            heavy = bool(titled & face.holds)
            if place == 0 or not heavy:
                self.add_font(face.name, "", face.regular)
            if place == 0 or heavy:
                self.add_font(face.name, "B", face.bold)
        if faces.faces:
            self._family = faces.faces[0].name
            self.set_font(self._family)
            self.set_fallback_fonts([face.name for face in faces.faces[1:]], exact_match=False)
        if faces.shaped:
            self.set_text_shaping(True)
        self.add_page()

    def normalize_text(self, text: str) -> str:
        """What the fonts can show. Helvetica alone knows the Windows code page and no more."""
        if self._replaces:
            text = text.replace("−", "-").encode("cp1252", "replace").decode("cp1252")
            text = text.replace("–", "-").replace("’", "'").replace("…", "...")
            text = text.encode("latin-1", "replace").decode("latin-1")
        return super().normalize_text(text)

    def footer(self) -> None:
        y = 297 - BOTTOM + 4
        told = self._footer
        if self._missing:
            told += " Some characters have no font here: run “make assets”."
        self.say(MARGIN, y, told, 7, INK_3, width=WIDTH - 20)
        self.say(MARGIN + WIDTH - 6, y, f"{self.page_no()} / {{nb}}", 7, INK_3, 20)

    @property
    def left(self) -> float:
        """Millimetres left on the page under the pen."""
        return 297 - BOTTOM - self.get_y()

    def room(self, height: float) -> None:
        """Begins a page where less than `height` is left."""
        if self.left < height:
            self.add_page()

    def say(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9,
        colour: str = INK,
        width: float = WIDTH,
        align: str = "L",
        *,
        bold: bool = False,
    ) -> float:
        """Writes a text into a column, wrapped. Returns where the next line begins."""
        self.set_font(self._family, "B" if bold else "", size)
        self.set_text_color(colour)
        self.set_xy(x, y)
        longest = max(map(len, text.split() or [""]))
        self.multi_cell(
            width,
            size * LINE * 0.3528,
            text,
            align=align,
            new_x=XPos.LEFT,
            new_y=YPos.NEXT,
            wrapmode=WrapMode.CHAR if longest > UNBROKEN else WrapMode.WORD,
        )
        return float(self.get_y())

    def fits_width(self, text: str, size: float, *, bold: bool = False) -> float:
        """A text's width on one line."""
        self.set_font(self._family, "B" if bold else "", size)
        return float(self.get_string_width(text))

    def rule(self, y: float, colour: str = RULE, width: float = 0.2) -> None:
        self.set_draw_color(colour)
        self.set_line_width(width)
        self.line(MARGIN, y, MARGIN + WIDTH, y)

    def block(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.set_fill_color(colour)
        self.rect(x, y, width, height, "F")

    def heading(self, text: str, needed: float = 20) -> float:
        """A heading that stays with what follows. Returns where that begins."""
        if self.get_y() > MARGIN + 1:
            self.set_y(self.get_y() + 4)
        self.room(needed)
        return self.say(MARGIN, self.get_y(), text, 11, bold=True) + 1.2

    def facts(
        self, pairs: Sequence[tuple[str, str]], columns: int = 4, width: float = WIDTH
    ) -> None:
        """Labelled values in a grid with a rule above each row."""
        each = width / columns
        for start in range(0, len(pairs), columns):
            self.room(9)
            top = self.get_y()
            self.set_draw_color(RULE)
            self.set_line_width(0.2)
            self.line(MARGIN, top, MARGIN + width, top)
            bottom = top
            for place, (label, value) in enumerate(pairs[start : start + columns]):
                x = MARGIN + place * each
                y = self.say(x, top + 1.1, label, 7, INK_3, each - 3)
                bottom = max(bottom, self.say(x, y, value, 8.2, width=each - 3, bold=True))
            self.set_y(bottom + 1.1)

    def mark(self, x: float, y: float, verdict: str, size: float, width: float) -> None:
        """A verdict's sign in a square of `size`: check, triangle, cross or dash."""
        self.set_draw_color(TONES[verdict])
        self.set_line_width(width)
        scale = size / 16
        for x1, y1, x2, y2 in _STROKES[verdict]:
            self.line(x + x1 * scale, y + y1 * scale, x + x2 * scale, y + y2 * scale)

    def badge(self, x: float, y: float, verdict: str, word: str) -> None:
        """The verdict in an outlined pill, sign and word."""
        width = self.fits_width(word, 7, bold=True) + 6.2
        self.set_draw_color(TONES[verdict])
        self.set_line_width(0.25)
        self.rect(x, y, width, 4.4, "D", round_corners=True, corner_radius=2.2)
        self.mark(x + 1.4, y + 0.9, verdict, 2.6, 0.3)
        self.say(x + 4.6, y + 0.45, word, 7, TONES[verdict], width, bold=True)
