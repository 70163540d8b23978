/// The look of a report: readable on a laptop, a phone and paper, without relying on colour.
let styleSheet = """
    :root{color-scheme:light}*{box-sizing:border-box}
    body{margin:0;background:#f4f5f7;color:#16191d;font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
    main{max-width:72rem;margin:0 auto;padding:1rem}
    header,section{background:#fff;border:1px solid #d5d9e0;border-radius:8px;padding:1rem 1.25rem;margin:0 0 1rem}
    h1{margin:0 0 .25rem;font-size:1.7rem}h2{margin:0 0 .75rem;font-size:1.2rem}h3{margin:1.25rem 0 .5rem;font-size:1rem}
    .banner{background:#fff4d6;border-left:5px solid #a86400;padding:.5rem .75rem;margin:.5rem 0}
    .findings{list-style:none;padding:0;margin:0}.findings>li{padding:.5rem .75rem;margin:0 0 .5rem;border-left:5px solid #5b6675;background:#f2f4f7}
    .findings>li.review{border-color:#b02a1c;background:#fdecea}
    code{font-size:.85em;color:#414b57;overflow-wrap:anywhere}
    .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
    th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e1e4e9;vertical-align:top}th{vertical-align:bottom}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{color:#4a5461}dd{margin:0;overflow-wrap:anywhere}
    .swatch{display:inline-block;width:.9em;height:.9em;border:1px solid #333;border-radius:2px;vertical-align:-.1em}
    .gallery{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 18rem}figure.strip{flex-basis:100%}
    figure img{width:100%;height:auto;background:#000;border-radius:4px;display:block}figcaption{font-size:.85rem;color:#4a5461;margin-top:.25rem}
    .small{font-size:.85rem;color:#4a5461}pre{white-space:pre-wrap;font-size:.85rem}summary{cursor:pointer;margin-top:.75rem}
    @media(max-width:40rem){main{padding:.5rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
    @media print{body{background:#fff}header,section{border:0;padding:0;break-inside:avoid}}
    """
