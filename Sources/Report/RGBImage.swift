internal import CPNG
import Foundation

/// A picture: 8-bit red, green, blue; rows from top to bottom.
package struct RGBImage: Sendable, Equatable {
    package let width: Int
    package let height: Int
    package var pixels: [UInt8]

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [UInt8](repeating: 0, count: width * height * 3)
    }

    package subscript(x: Int, y: Int) -> (UInt8, UInt8, UInt8) {
        get {
            let n = (y * width + x) * 3
            return (pixels[n], pixels[n + 1], pixels[n + 2])
        }
        set {
            let n = (y * width + x) * 3
            (pixels[n], pixels[n + 1], pixels[n + 2]) = newValue
        }
    }

    /// Copies another picture to a place in this one.
    mutating func draw(_ other: RGBImage, x: Int, y: Int) {
        for row in 0..<min(other.height, height - y) {
            let count = min(other.width, width - x) * 3
            let from = row * other.width * 3
            let to = ((y + row) * width + x) * 3
            pixels.replaceSubrange(to..<(to + count), with: other.pixels[from..<(from + count)])
        }
    }

    /// The picture as PNG.
    package func png() throws(ReportError) -> Data {
        // 8-bit red, green, blue.
        try encodePNG(width: width, height: height, format: UInt32(PNG_FORMAT_FLAG_COLOR), pixels)
    }
}

/// Errors of making reports.
package enum ReportError: Error, Sendable, Equatable {
    case cannotEncodePicture
}
