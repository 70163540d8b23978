/// In JSON: `"native"`, `{"nativeUpToMM": 2}` or a number in mm.
extension SliceSpacing: Codable {
    private struct UpTo: Codable { var nativeUpToMM: Double }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Three forms share one key; the order of the attempts decides nothing because no value fits two.
        if let word = try? container.decode(String.self) {
            guard word == "native" else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "expected \"native\", {\"nativeUpToMM\": mm} or a number in mm"
                )
            }
            self = .native
        } else if let number = try? container.decode(Double.self) {
            self = .fixed(millimetres: number)
        } else {
            self = .nativeUpTo(millimetres: try container.decode(UpTo.self).nativeUpToMM)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .native: try container.encode("native")
        case .nativeUpTo(let millimetres): try container.encode(UpTo(nativeUpToMM: millimetres))
        case .fixed(let millimetres): try container.encode(millimetres)
        }
    }
}
