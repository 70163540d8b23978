import Foundation

/// `Fixtures/dicom/golden.json`, made by pydicom, SimpleITK and Python's uuid.
struct Golden: Decodable {
    struct Series: Decodable {
        var folder: String
        var series: String
        var dimensions: [Int]
        var origin: [Double]
        var spacing: [Double]
        var crc32: UInt32
        var instances: [String]
    }

    struct NamedUID: Decodable {
        var parts: [String]
        var uid: String
    }

    var series: [Series]
    var pixels: [String: UInt32]
    var uids: [NamedUID]

    static func load() throws -> Golden {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.root + "/golden.json"))
        return try JSONDecoder().decode(Golden.self, from: data)
    }
}
