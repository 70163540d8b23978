import Foundation
import Platform

/// Weights on disk: the safetensors format, little-endian F32. An 8-byte header length, a JSON header, the data.
/// https://huggingface.co/docs/safetensors (format section).
package enum Safetensors {
    /// The largest header read: far above any real network, far below what hurts.
    private static let maximumHeader = 16 << 20

    /// The bytes of a file; tensors in the order of their names, so the same tensors give the same bytes.
    package static func encode(_ tensors: [String: Tensor], metadata: [String: String] = [:]) throws -> Data {
        var header: [String: Any] = [:]
        if !metadata.isEmpty { header["__metadata__"] = metadata }
        var body = Data()
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let start = body.count
            tensor.values.withUnsafeBytes { body.append(contentsOf: $0) }
            header[name] =
                ["dtype": "F32", "shape": tensor.shape, "data_offsets": [start, body.count]] as [String: Any]
        }
        var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
        while json.count % 8 != 0 { json.append(0x20) }
        var file = Data()
        withUnsafeBytes(of: UInt64(json.count).littleEndian) { file.append(contentsOf: $0) }
        return file + json + body
    }

    /// - Throws: `NetworkError.unreadableWeights` for anything that is not a whole safetensors file of F32 tensors.
    package static func decode(_ file: Data) throws(NetworkError) -> (
        tensors: [String: Tensor], metadata: [String: String]
    ) {
        let file = Data(file)
        guard file.count >= 8 else { throw .unreadableWeights(reason: "shorter than its header") }
        let length = file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(maximumHeader), Int(length) <= file.count - 8 else {
            throw .unreadableWeights(reason: "the header says \(length) bytes")
        }
        let body = file.dropFirst(8 + Int(length))
        // The words of its own error add nothing.
        guard let object = try? JSONSerialization.jsonObject(with: file[8..<8 + Int(length)]),
            let header = object as? [String: Any]
        else { throw .unreadableWeights(reason: "the header is not JSON") }
        var tensors: [String: Tensor] = [:]
        for (name, value) in header where name != "__metadata__" {
            tensors[name] = try tensor(name, value, body)
        }
        return (tensors, header["__metadata__"] as? [String: String] ?? [:])
    }

    private static func tensor(_ name: String, _ value: Any, _ body: Data) throws(NetworkError) -> Tensor {
        guard let entry = value as? [String: Any], let shape = entry["shape"] as? [Int],
            let offsets = entry["data_offsets"] as? [Int], offsets.count == 2, entry["dtype"] as? String == "F32"
        else { throw .unreadableWeights(reason: "\(name) is not an F32 tensor") }
        var count = 1
        for length in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard length >= 0, !overflow, product <= 1 << 34 else {
                throw .unreadableWeights(reason: "\(name) has an impossible shape")
            }
            count = product
        }
        guard offsets[0] >= 0, offsets[1] <= body.count, offsets[1] - offsets[0] == 4 * count else {
            throw .unreadableWeights(reason: "\(name) lies outside the file")
        }
        let bytes = body.dropFirst(offsets[0]).prefix(4 * count)
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            bytes.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
        return Tensor(shape: shape, values: values)
    }
}
