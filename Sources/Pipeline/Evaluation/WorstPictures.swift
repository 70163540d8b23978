import Foundation
import Imaging
import Platform
import Report

/// The slice in which a scored structure differs most from the reference, kept by the Run that scored it, for the page
/// of outcomes.
package struct WorstPictureRecord: Codable, Sendable {
    package var structure: String
    package var caption: String
    package var overlay: PictureOverlay
    /// PNG of the CT under it; nil when its pixels were deleted after their time.
    package var png: Data?

    package init(structure: String, caption: String, overlay: PictureOverlay, png: Data?) {
        self.structure = structure
        self.caption = caption
        self.overlay = overlay
        self.png = png
    }

    /// As a figure of a page; without the CT the outlines stand on black.
    ///
    /// - Throws: `ReportError`.
    package func picture(of name: String) throws(ReportError) -> CasePicture {
        let black = GreyImage(width: overlay.width, height: overlay.height)
        let words = png == nil ? " (outlines alone: the CT's pixels were deleted after their time)" : ""
        let pixels: Data
        if let png { pixels = png } else { pixels = try black.png() }
        return CasePicture(
            role: .worstSlice,
            caption: "\(name), \(caption)\(words)",
            png: pixels,
            overlay: overlay
        )
    }
}

extension RunFolder {
    /// What `evaluate` kept: outlines in `worst.json`, pixels beside it, which have a time of their own.
    private static let list = "worst.json"
    private static func pixels(_ index: Int) -> String { "worst-\(index + 1).png" }

    /// - Parameter folder: of the stage that is being written.
    static func write(_ records: [WorstPictureRecord], to folder: String) throws {
        guard !records.isEmpty else { return }
        for (index, record) in records.enumerated() {
            try record.png?.write(to: URL(fileURLWithPath: "\(folder)/\(pixels(index))"))
        }
        let outlines = records.map { record in
            var record = record
            record.png = nil
            return record
        }
        try RunJSON.encode(outlines).write(to: URL(fileURLWithPath: "\(folder)/\(list)"))
    }

    /// Pictures of what was scored; none where nothing was, and of Runs of earlier versions.
    package func worstPictures() throws -> [WorstPictureRecord] {
        let folder = directory(of: .evaluate)
        guard let json = FileManager.default.contents(atPath: "\(folder)/\(Self.list)") else { return [] }
        return try RunJSON.decode([WorstPictureRecord].self, from: json).enumerated().map { index, record in
            var record = record
            record.png = FileManager.default.contents(atPath: "\(folder)/\(Self.pixels(index))")
            return record
        }
    }

    /// Deletes the pixels of those pictures and leaves the outlines.
    package func removeWorstPixels() throws {
        let folder = directory(of: .evaluate)
        guard Directory.isFolder(folder) else { return }
        for entry in try Directory.list(folder) where entry.name.hasSuffix(".png") {
            try Directory.remove("\(folder)/\(entry.name)")
        }
    }
}
