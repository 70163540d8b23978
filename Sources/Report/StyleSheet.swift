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
    .scroll{overflow-x:auto;background:linear-gradient(90deg,#fff 1rem,transparent 2rem) -2px 0/calc(100% + 4px) local,\
    linear-gradient(-90deg,#fff 1rem,transparent 2rem) -2px 0/calc(100% + 4px) local,\
    linear-gradient(90deg,#9aa3ae,transparent .6rem),linear-gradient(-90deg,#9aa3ae,transparent .6rem) #fff}dl+.scroll{margin-top:.75rem}table{border-collapse:collapse;width:100%;font-size:.92rem}
    th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e1e4e9;vertical-align:top}thead th{vertical-align:bottom}tbody th{font-weight:600}.columns tbody th{font-weight:400;color:#4a5461}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{color:#4a5461}dd{margin:0;overflow-wrap:anywhere}
    .whole{white-space:nowrap}.swatch{display:inline-block;width:.9em;height:.9em;border:1px solid #333;border-radius:2px;vertical-align:-.1em}
    .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));gap:1rem;align-items:start;margin-top:.75rem}
    figure{margin:0}figure.distanceMap{grid-column:1/-1;max-width:56rem}
    .slices,.ends,.worst{grid-column:1/-1;display:grid;gap:.35rem 1rem;align-items:start}.slices{gap:.35rem}
    .worst{grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr))}
    .slices{grid-template-columns:repeat(auto-fill,minmax(min(45%,10rem),1fr))}.ends{grid-template-columns:repeat(auto-fill,minmax(min(45%,14rem),1fr))}
    .cut{position:relative}.cut img{width:100%;height:auto;background:#000;border-radius:4px;display:block}
    .cut svg{position:absolute;inset:0;width:100%;height:100%;font-family:system-ui,sans-serif;font-weight:600}
    .lines path{fill:none;stroke-width:1.6px;stroke-linejoin:round;vector-effect:non-scaling-stroke}
    .lines .reference{stroke:#fff;stroke-width:1.2px}.lines .differs{fill:#ffe14d;fill-opacity:.5;fill-rule:evenodd;stroke:none}
    .mark{fill:#fff;stroke:#000;stroke-width:.25em;stroke-linejoin:round;paint-order:stroke}
    .switch:not(:checked)~.gallery .lines{display:none}.switch{margin:0}
    figcaption{font-size:.85rem;color:#4a5461;margin-top:.25rem;overflow-wrap:anywhere}
    .beside{color:#4a5461;font-size:.85em;display:block}.out{font-weight:700}td.out{background:#fdecea}
    .legend{display:inline-flex;flex-wrap:wrap;gap:.2rem 1rem}.legend span{white-space:nowrap}.legend svg{width:3em;height:.8em;vertical-align:middle}
    .small{font-size:.85rem;color:#4a5461}pre{white-space:pre-wrap;font-size:.85rem}summary{cursor:pointer;margin-top:.75rem}
    .paper{display:none}li,p{overflow-wrap:anywhere}.card h4{margin:.75rem 0 .25rem}
    @media(max-width:40rem){main{padding:.5rem}header,section{padding:.75rem}th,td{padding:.25rem .3rem;font-size:.8rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}
    .distanceMap .cut{width:48rem}}
    @media print{@page{margin:14mm}body{background:#fff;font-size:11pt}main{max-width:none;padding:0}
    header,section{border:0;padding:0}h2,h3,h4,summary,h2+p,h3+p,thead,tr:first-child{break-after:avoid}tr:last-child{break-before:avoid}
    tr,figure,.findings>li,dd,h2+p,h3+p{break-inside:avoid}p,li{orphans:3;widows:3}summary{list-style:none}
    .scroll{overflow:visible;background:none}.gallery{grid-template-columns:repeat(3,1fr);gap:.5rem}.slices{grid-template-columns:repeat(6,1fr)}.ends{grid-template-columns:repeat(4,1fr)}.worst{grid-template-columns:1fr 1fr}
    .screen,.card .scroll{display:none}.paper{display:block}details::details-content{content-visibility:visible}
    .banner,.findings>li,.swatch,td.out{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
    """

/// The look of plots.
let plotStyleSheet = """
    .plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem}
    .plot{max-width:42rem}.scroll+.scroll,section>.plot+.plot{margin-top:1rem}
    .plot svg{width:100%;height:auto;display:block;font:12px system-ui,sans-serif}
    .grid{stroke:#dfe3e8}.tick{fill:#4a5461;font-size:11px}.name{fill:#16191d;font-weight:600;font-size:11px}
    .goal{stroke:#7a3b00;stroke-dasharray:6 3}.goal-label{fill:#7a3b00;font-size:11px}
    .box{fill:#cfe0f1;stroke:#1d4f80}.median{stroke:#0b2f52;stroke-width:3}.whisker{stroke:#1d4f80}
    .dot{fill:#1d4f80;fill-opacity:.75}.outer{fill:#fff;stroke:#a02c00;stroke-width:1.4;fill-opacity:1}
    .centre{stroke:#1d4f80}.limit{stroke:#a02c00;stroke-dasharray:2 3}.weighted{fill:none;stroke:#16191d}
    .curve{fill:none;stroke:#1d4f80;stroke-width:1.6}.missed{stroke:#a02c00;stroke-width:1.5}
    .flagged{fill:#fff;stroke:#a02c00;stroke-width:2.5}
    th.sortable{cursor:pointer}th.sortable:hover{text-decoration:underline}th[aria-sort=ascending]::after{content:" \\25B2"}th[aria-sort=descending]::after{content:" \\25BC"}
    .worstCases td:nth-child(2){overflow-wrap:anywhere;min-width:5rem}
    .all td{white-space:nowrap}.all td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:7rem}
    @media(max-width:40rem){.plot svg text{font-size:15px}}
    @media print{@page wide{size:landscape;margin:12mm}.wide{page:wide}.wide table{font-size:8pt}.wide th,.wide td{padding:.15rem .25rem}.all td:first-child{min-width:3cm}
    .plots{grid-template-columns:1fr}.plot svg{max-width:16cm}
    .box,.dot,.outer,.flagged{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
    """
