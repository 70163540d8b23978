import Foundation
import Pipeline
import Platform
import Store

/// Deletes pixels that are no longer needed. Label maps and geometry stay, so that a reference that comes months
/// later can be scored.
struct Retention {
    let context: ServiceContext

    func clean() throws {
        let days = context.configuration.work.keepPixelsDays
        let limit = Int64((Date().timeIntervalSince1970 - days * 86400) * 1000)
        for run in try context.store.runsWithPixels(deliveredBefore: limit) {
            let folder = context.state.run(run.number)
            for name in ["ct.raw", "ct.json", "input.raw", "input.json", "reference.dcm"] {
                try remove("\(folder.directory(of: .resample))/\(name)")
            }
            // What remains of an export was copied to another file system.
            try Directory.remove(folder.directory(of: .export))
            try Directory.remove(folder.refusalDirectory)
            try context.store.setPixelsDeleted(run: run.number)
            for path in try context.store.deleteImages(ofSeries: run.seriesNumber) { try remove(path) }
        }
    }

    private func remove(_ path: String) throws(SystemError) {
        guard Directory.exists(path) else { return }
        try syscall("unlink", path: path) { unlink(path) }
    }
}
