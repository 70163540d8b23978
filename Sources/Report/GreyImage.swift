internal import CPNG
import Foundation

/// A picture: 8-bit grey; rows from top to bottom.
package struct GreyImage: Sendable, Equatable {
    package let width: Int
    package let height: Int
    package var pixels: [UInt8]

    /// Black.
    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [UInt8](repeating: 0, count: width * height)
    }

    package subscript(x: Int, y: Int) -> UInt8 {
        get { pixels[y * width + x] }
        set { pixels[y * width + x] = newValue }
    }

    /// The picture as PNG.
    package func png() throws(ReportError) -> Data {
        try encodePNG(width: width, height: height, format: UInt32(PNG_FORMAT_GRAY), pixels)
    }
}

/// - Parameter format: of `pixels`, as libpng counts formats.
func encodePNG(width: Int, height: Int, format: UInt32, _ pixels: [UInt8]) throws(ReportError) -> Data {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    image.width = UInt32(width)
    image.height = UInt32(height)
    image.format = format
    var size = 0
    guard png_image_write_to_memory(&image, nil, &size, 0, pixels, 0, nil) != 0 else { throw .cannotEncodePicture }
    var data = Data(count: size)
    let written = data.withUnsafeMutableBytes {
        png_image_write_to_memory(&image, $0.baseAddress, &size, 0, pixels, 0, nil)
    }
    guard written != 0 else { throw .cannotEncodePicture }
    return data.prefix(size)
}
