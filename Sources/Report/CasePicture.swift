import Foundation

/// A picture of a case or of one of the worst cases of a cohort.
package struct CasePicture: Sendable {
    /// The field of the page that it belongs to.
    package enum Role: String, Sendable { case axial, coronal, sagittal, strip, structureEnds, worstSlice, distanceMap }

    package var role: Role
    /// What is seen, for people who cannot see it, too.
    package var caption: String
    package var png: Data
    package var overlay: PictureOverlay?

    package init(role: Role, caption: String, png: Data, overlay: PictureOverlay? = nil) {
        self.role = role
        self.caption = caption
        self.png = png
        self.overlay = overlay
    }
}

/// Figures one after the other; the slices of a strip, the ends of structures and worst slices in rows of their own.
func figures(_ pictures: [CasePicture]) -> String {
    let rows: [CasePicture.Role: String] = [.strip: "slices", .structureEnds: "ends", .worstSlice: "worst"]
    var html = ""
    var row: String?
    for picture in pictures {
        if rows[picture.role] != row {
            html += row == nil ? "" : "</div>"
            row = rows[picture.role]
            html += row.map { "<div class=\"\($0)\">" } ?? ""
        }
        let cut = """
            <div class="cut"><img alt="\(escaped(picture.caption))" \
            src="data:image/png;base64,\(picture.png.base64EncodedString())">\(picture.overlay?.svg ?? "")</div>
            """
        html += """
            <figure class="\(picture.role.rawValue)">\
            \(picture.role == .distanceMap ? "<div class=\"scroll\">\(cut)</div>" : cut)\
            <figcaption>\(escaped(picture.caption))</figcaption></figure>
            """
    }
    return html + (row == nil ? "" : "</div>")
}

/// A box that hides the lines of the gallery behind it, so that the CT under them can be seen. It needs no script.
///
/// - Parameter name: of its own on the page.
func linesSwitch(_ name: String) -> String {
    """
    <input class="switch screen" type="checkbox" id="\(name)" checked="checked"/>\
    <label class="small screen" for="\(name)"> show the lines</label>
    """
}
